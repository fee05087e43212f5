"""The port of a check: `sample` touches the world, `judge` is pure.

Guarantees: a check is a value in a literal tuple (`checks/__init__.py`); the messages that `judge` may
give are listed, so that a test can ask for their words in every language.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from agent.health.site import Site
from agent.model.finding import Judged, Owner, Profile

Sample = TypeVar("Sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[Sample]):
    """One check. `sample` may raise `Skip` or `AgentError`; whatever else it raises is a crash of it."""

    id: str
    owner: Owner
    profiles: frozenset[Profile]
    messages: tuple[str, ...]
    sample: Callable[[Site, str | None], Sample]
    judge: Callable[[Sample], Judged]
    # Once for each channel; else once for the box, with the target None.
    per_channel: bool = False
    # Without a result of this check a run is incomplete.
    required: bool = False

    def make(self, site: Site, target: str | None) -> Judged:
        """Samples and judges."""
        return self.judge(self.sample(site, target))


class AnyCheck(Protocol):
    """A check whose sample's type is nobody else's business."""

    @property
    def id(self) -> str: ...
    @property
    def owner(self) -> Owner: ...
    @property
    def profiles(self) -> frozenset[Profile]: ...
    @property
    def messages(self) -> tuple[str, ...]: ...
    @property
    def per_channel(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    def make(self, site: Site, target: str | None) -> Judged: ...


EVERY = frozenset(Profile)
# Worth the time of a visit, but too dear or too noisy for every minute.
VISIT = frozenset({Profile.INSTALL, Profile.VISIT, Profile.DAILY})
INSTALL = frozenset({Profile.INSTALL})

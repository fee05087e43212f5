"""What each purpose of STD 8.2 adds to masking, and who may have approved it (STD 8.2 f).

Guarantees: pure; a policy whose approver is one of its users is refused, and so is a run that doesn't bring
what its purpose needs, or brings what it must not have. Leaves out the policy's own form
(`agent/formats/deid_policy_v1.py`) and a signature under it (`agent/runtime/deid_approval.py`).
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

from agent.deid.boxes import Area, zone
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.model.errors import Refuse

OFFICERS_TOGETHER = 2
"""How many officers open a sealed link together (STD 8.2 e)."""
# Ears and the sides of the head lie beside the box of a face: STD 8.2 b wants auricles gone.
_EARS = 1.8
_SMALLEST_FIELD = 32  # pixels; x264 takes no less than 16, and a study sees nothing on less than this
_STUDIES = ("research", "newtech")
# A live derivative is cut to no window and no field, and has no film that a link could name.
PURPOSES_LIVE = ("general", "education")


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Seconds from the film's first picture: from `start_s` until just before `end_s`."""

    start_s: Fraction
    end_s: Fraction

    def holds(self, second: Fraction) -> bool:
        """True for a picture shown `second` after the first one."""
        return self.start_s <= second < self.end_s


def check_approver(policy: DeidPolicy, approver: str | None = None) -> None:
    """Raises `Refuse` `deid.approver-is-user` when who approved is among its users: by the policy's own word,
    and `approver`, the name of a signature.
    """
    users = {_same(user) for user in policy.users}
    for name in (policy.approved.by, approver):
        if name is not None and _same(name) in users:
            raise Refuse(
                "deid.approver-is-user",
                f"{name} has approved the policy {policy.id} and is among its users (STD 8.2 f)",
                "let somebody approve who does not use these films",
            )


def check_live(policy: DeidPolicy) -> None:
    """Raises `Refuse` `deid.purpose` for what only the engine off line can do."""
    if policy.purpose not in PURPOSES_LIVE:
        raise Refuse(
            "deid.purpose",
            f"a live derivative can't be made for purpose {policy.purpose}",
            "record, and run edgeward deid on the film that was opened; live: " + ", ".join(PURPOSES_LIVE),
        )


def check_run(policy: DeidPolicy, window: Window | None, *, linked: bool) -> None:
    """Raises `Refuse` `deid.window`, `deid.link` when the run doesn't fit the policy's purpose."""
    if policy.study is None and window is not None:
        raise Refuse(
            "deid.window",
            f"purpose {policy.purpose} has no time window",
            "leave --start and --end away, or write a policy for research",
        )
    if policy.study is not None:
        _check_window(policy.study.longest_s, window)
    if policy.purpose == "assist" and not linked:
        raise Refuse(
            "deid.link",
            "purpose assist needs a sealed link",
            "name its file and the subject (--link)",
        )
    if policy.purpose != "assist" and linked:
        raise Refuse(
            "deid.link",
            f"a derivative for {policy.purpose} keeps no link to its original",
            "leave --link and --subject away",
        )


def dilation_of(policy: DeidPolicy, least: float) -> float:
    """How much longer a mask's sides are than its face's: `least`, more where ears must be gone."""
    return max(least, _EARS) if policy.education is not None else least


def keeps_times(policy: DeidPolicy) -> bool:
    """False when pictures are to be shown at even intervals, so that no camera's clock can be told."""
    return policy.purpose != "newtech"


def field_of(policy: DeidPolicy, size: tuple[int, int]) -> Area | None:
    """The study's field on a picture of `size`, inwards to even pixels; None when all of it is kept.

    Raises `Refuse` `deid.field` when nothing worth a film is left.
    """
    if policy.study is None:
        return None
    kept = policy.study.field
    box = zone(Fraction(kept.x), Fraction(kept.y), Fraction(kept.width), Fraction(kept.height), size)
    area = Area(
        2 * math.ceil(box.left / 2),
        2 * math.ceil(box.top / 2),
        2 * math.floor(box.right / 2),
        2 * math.floor(box.bottom / 2),
    )
    if min(area.right - area.left, area.bottom - area.top) < _SMALLEST_FIELD:
        raise Refuse(
            "deid.field",
            f"the study's field on pictures of {size[0]} by {size[1]} is below {_SMALLEST_FIELD} pixels",
            "write a larger field into the policy",
        )
    return area


def random_id(random_16: bytes) -> str:
    """A version 4 UUID (RFC 9562 section 5.4) of 16 random bytes: neither time nor source can be told."""
    if len(random_16) != 16:
        raise ValueError("sixteen random bytes are needed")
    value = int.from_bytes(random_16, "big")
    value = value & ~(0xF << 76) | 0x4 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _check_window(longest_s: float, window: Window | None) -> None:
    if window is None:
        raise Refuse(
            "deid.window", "a study keeps a time window only, and none is named", "name --start and --end"
        )
    if not 0 <= window.start_s < window.end_s:
        raise Refuse(
            "deid.window", "the time window is empty", "--start comes before --end, and is 0 or more"
        )
    if window.end_s - window.start_s > Fraction(str(longest_s)):
        raise Refuse(
            "deid.window",
            f"the time window is longer than the {longest_s:g} s that the policy allows",
            "take a shorter one, or have another policy approved",
        )


def _same(name: str) -> str:
    """The spelling under which two names are one person's."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())

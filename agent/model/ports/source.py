"""The source port: what delivers pictures to a channel process.

Guarantees asked of every implementation: `open()` either returns an open source or raises
`AgentError` whose text holds no password; `packets()` yields in decoding order with dts strictly
growing, and notices a silent device within two seconds by raising `Retry` with code `source.stalled`;
`close()` may be called at any time and more than once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from agent.model.media import Captured, StreamFacts


class Source(Protocol):
    """An open source."""

    @property
    def facts(self) -> StreamFacts:
        """What the source declared when it opened."""
        ...

    @property
    def template(self) -> object:
        """The stream object that a muxer may copy parameters from (`av.VideoStream`)."""
        ...

    def packets(self) -> Iterator[Captured]:
        """Video packets until the end of a finite source.

        Raises `Retry` (`source.lost`, `source.stalled`) when the device goes away, `Refuse`
        (`source.garbage`) when what comes can't be used.
        """
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...

"""The event stream of one browser."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from agent.console.api.ask import Ask
from agent.console.hub import Hub, Stream
from agent.console.news import News
from agent.console.sessions import Session, Sessions
from agent.model.errors import Retry

MOST_OF_A_SESSION = 8
_HEADERS = {"X-Accel-Buffering": "no"}


class StreamPages:
    """See the module's text. `end_old` is to be called every second."""

    def __init__(self, hub: Hub, news: News, sessions: Sessions) -> None:
        self._hub = hub
        self._news = news
        self._sessions = sessions
        self._of: dict[Stream, Session] = {}

    async def follow(self, ask: Ask) -> Response:
        """`GET /api/v1/stream`. The id of the header counts before the one of the query."""
        last_id = ask.asked("after")["after"]
        if ask.session.streams >= MOST_OF_A_SESSION or self._hub.is_full:
            raise Retry("stream.full", "too many streams are open", "close other windows", after_s=10)
        events = self._events(ask.session, ask.last_event_id or last_id)
        return StreamingResponse(events, media_type="text/event-stream", headers=_HEADERS)

    def end_old(self, mono_ns: int) -> None:
        """Streams of sessions that have ended."""
        for stream, session in list(self._of.items()):
            if not self._sessions.alive(session, mono_ns):
                stream.finish("session.none")

    def _begin(self, stream: Stream, last_id: str | None) -> None:
        """The first events. No other one can come in between: nothing waits here."""
        missed = self._hub.missed(last_id)
        if missed is None:
            whole, snapshot_id = self._news.snapshot()
            stream.begin(self._hub.snapshot_event(whole, snapshot_id))
            missed = self._hub.missed(snapshot_id) or []
        for event in missed:
            stream.begin(event)

    async def _events(self, session: Session, last_id: str | None) -> AsyncIterator[bytes]:
        stream = self._hub.join()
        session.streams += 1
        self._of[stream] = session
        try:
            self._begin(stream, last_id)
            async for event in stream.events():
                yield event
        finally:
            self._hub.leave(stream)
            del self._of[stream]
            session.streams -= 1

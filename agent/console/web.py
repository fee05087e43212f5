"""The pages over a running console: which function stands behind each rule of `api/routes.py`."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp

from agent.console.api.accounts import AccountPages
from agent.console.api.alarms import AlarmPages
from agent.console.api.app import make_app
from agent.console.api.audit import AuditPages
from agent.console.api.commands import CommandPages
from agent.console.api.fleet import Certificate, FleetPages
from agent.console.api.guard import Guard, OpenPage, Page
from agent.console.api.pages import OpenPages
from agent.console.api.session import SessionPages
from agent.console.api.stream import StreamPages
from agent.console.config import ConsoleConfig
from agent.console.door import Door
from agent.console.station import Station
from agent.link.certificates import read_certificate
from agent.model.errors import AgentError
from agent.model.times import rfc3339

PAGE = Path(__file__).parent / "page"


def make_web(config: ConsoleConfig, station: Station, door: Door, metrics_token: str | None) -> ASGIApp:
    """The application."""
    tls = config.console.tls
    cookie = "__Host-edgeward" if tls else "edgeward"
    writer, reader = station.writer, station.reader
    guard = Guard(door, writer, station.clock, cookie=cookie)
    opened = OpenPages(PAGE, station.state, station.metrics, metrics_token)
    session = SessionPages(door, writer, cookie=cookie, tls=tls, site=config.console.site)
    stream = StreamPages(station.hub, station.news, station.sessions)
    station.every_second(stream.end_old)
    fleet = FleetPages(
        station.fleet, station.news, writer, reader, station.witness,
        enrolled={box.id: box.key for box in config.box}, rebirth=station.rebirth, forget=station.forget,
        certificates=lambda: _own_certificates(config),
    )  # fmt: skip
    alarms = AlarmPages(station.alarms, writer, reader, station.tell)
    commands = CommandPages(station.post, door.people, config.operator, writer, reader, station.hurry)
    audit, accounts = AuditPages(writer, reader), AccountPages(door)
    open_pages: dict[str, OpenPage] = {
        "pages.index": opened.index, "pages.healthz": opened.healthz, "pages.readyz": opened.readyz,
        "pages.metrics": opened.metrics, "session.log_in": session.log_in,
    }  # fmt: skip
    pages: dict[str, Page] = {
        "session.log_out": session.log_out, "session.show": session.show,
        "session.password": session.password, "stream.follow": stream.follow,
        "fleet.snapshot": fleet.snapshot, "fleet.box": fleet.box, "fleet.history": fleet.history,
        "fleet.events": fleet.events, "fleet.checks": fleet.checks, "fleet.forget": fleet.forget,
        "fleet.check": fleet.check, "fleet.recordings": fleet.recordings,
        "fleet.certificates": fleet.certificates, "fleet.witness": fleet.witness,
        "fleet.rebirth": fleet.rebirth,
        "alarms.list": alarms.list, "alarms.acknowledge": alarms.acknowledge, "alarms.close": alarms.close,
        "alarms.one": alarms.one,
        "commands.list": commands.list, "commands.rules": commands.rules, "commands.draft": commands.draft,
        "commands.make": commands.make, "commands.one": commands.one, "commands.note": commands.note,
        "commands.sign": commands.sign, "commands.withdraw": commands.withdraw,
        "audit.list": audit.list, "audit.verify": audit.verify,
        "accounts.list": accounts.list, "accounts.make": accounts.make, "accounts.change": accounts.change,
        "accounts.reset": accounts.reset,
    }  # fmt: skip
    return make_app(guard, pages, open_pages, PAGE / "static", tls=tls)


def _own_certificates(config: ConsoleConfig) -> list[Certificate]:
    """The console's own; one that can't be read was told at start."""
    found = []
    for name, path in (("console-https", config.console.cert_file), ("console-mqtt", config.mqtt.cert_file)):
        if path is None:
            continue
        try:
            facts = read_certificate(path.read_bytes())
        except (OSError, AgentError):
            continue
        found.append(
            Certificate(
                name=name, not_before=rfc3339(facts.not_before_wall_ns),
                not_after=rfc3339(facts.not_after_wall_ns),
            )
        )  # fmt: skip
    return found

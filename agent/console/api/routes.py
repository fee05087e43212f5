"""Every path of the console and who may use it: the table of docs/formats/console-api-v1.md.

Guarantees: what is not here is refused. `roles` None: no session is needed. `page` names the function that
`app.py` puts there; a name without one is an error at start.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.console.roles import ACTING, ADMINISTERING, AUDITING, EVERY, Role


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. `touches` false: it does not keep a session awake."""

    method: str
    path: str
    roles: frozenset[Role] | None
    page: str
    touches: bool = True


_V1 = "/api/v1"
RULES: tuple[Rule, ...] = (
    Rule("GET", "/", None, "pages.index"),
    Rule("GET", "/healthz", None, "pages.healthz"),
    Rule("GET", "/readyz", None, "pages.readyz"),
    Rule("GET", "/metrics", None, "pages.metrics"),
    Rule("POST", f"{_V1}/login", None, "session.log_in"),
    Rule("POST", f"{_V1}/logout", EVERY, "session.log_out"),
    Rule("GET", f"{_V1}/session", EVERY, "session.show"),
    Rule("POST", f"{_V1}/password", EVERY, "session.password"),
    Rule("GET", f"{_V1}/stream", EVERY, "stream.follow", touches=False),
    Rule("GET", f"{_V1}/fleet", EVERY, "fleet.snapshot"),
    Rule("GET", f"{_V1}/boxes/{{box}}", EVERY, "fleet.box"),
    Rule("GET", f"{_V1}/boxes/{{box}}/history", EVERY, "fleet.history"),
    Rule("GET", f"{_V1}/boxes/{{box}}/events", EVERY, "fleet.events"),
    Rule("GET", f"{_V1}/boxes/{{box}}/checks", EVERY, "fleet.checks"),
    Rule("POST", f"{_V1}/boxes/{{box}}/forget", ADMINISTERING, "fleet.forget"),
    Rule("GET", f"{_V1}/checks/{{run}}", EVERY, "fleet.check"),
    Rule("GET", f"{_V1}/recordings", EVERY, "fleet.recordings"),
    Rule("GET", f"{_V1}/certificates", EVERY, "fleet.certificates"),
    Rule("GET", f"{_V1}/witness", EVERY, "fleet.witness"),
    Rule("POST", f"{_V1}/rebirth", ACTING, "fleet.rebirth"),
    Rule("GET", f"{_V1}/alarms", EVERY, "alarms.list"),
    Rule("POST", f"{_V1}/alarms/acknowledge", ACTING, "alarms.acknowledge"),
    Rule("POST", f"{_V1}/alarms/close", ACTING, "alarms.close"),
    Rule("GET", f"{_V1}/alarms/{{id}}", EVERY, "alarms.one"),
    Rule("GET", f"{_V1}/commands", EVERY, "commands.list"),
    Rule("GET", f"{_V1}/commands/rules", EVERY, "commands.rules"),
    Rule("POST", f"{_V1}/commands/draft", ACTING, "commands.draft"),
    Rule("POST", f"{_V1}/commands", ACTING, "commands.make"),
    Rule("GET", f"{_V1}/commands/{{cmd_id}}", EVERY, "commands.one"),
    Rule("GET", f"{_V1}/commands/{{cmd_id}}/note", ACTING, "commands.note"),
    Rule("POST", f"{_V1}/commands/{{cmd_id}}/signatures", ACTING, "commands.sign"),
    Rule("POST", f"{_V1}/commands/{{cmd_id}}/withdraw", ACTING, "commands.withdraw"),
    Rule("GET", f"{_V1}/audit", AUDITING, "audit.list"),
    Rule("GET", f"{_V1}/audit/verify", AUDITING, "audit.verify"),
    Rule("GET", f"{_V1}/accounts", ADMINISTERING, "accounts.list"),
    Rule("POST", f"{_V1}/accounts", ADMINISTERING, "accounts.make"),
    Rule("POST", f"{_V1}/accounts/{{account}}", ADMINISTERING, "accounts.change"),
    Rule("POST", f"{_V1}/accounts/{{account}}/reset", ADMINISTERING, "accounts.reset"),
)
# What a person with a one-time secret may do.
BEFORE_A_PASSWORD = frozenset({"session.log_out", "session.show", "session.password"})

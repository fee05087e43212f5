"""Who may do what at the console, over real HTTP: every path with every role, log-in, CSRF, the record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.console.api.routes import RULES, Rule
from agent.console.roles import Role
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running
from tests.fakes.consoles import PASSWORD, ConsoleProcess, Person, people, running_console

pytestmark = pytest.mark.requires("mosquitto")
ACCOUNTS = {
    Role.VIEWER: "ida", Role.OPERATOR: "li", Role.SECURITY_OFFICER: "zhao", Role.AUDITOR: "qian",
}  # fmt: skip


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running(mosquitto_broker(tmp_path_factory.mktemp("broker"))) as found:
        yield found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    with running_console(tmp_path_factory.mktemp("console"), broker) as found:
        yield found


@pytest.fixture(scope="module")
def persons(console: ConsoleProcess) -> Iterator[dict[Role, Person]]:
    admin, *others = people(
        console, *((account, role.value, None) for role, account in ACCOUNTS.items())
    )  # fmt: skip
    yield {Role.ADMIN: admin, **dict(zip(ACCOUNTS, others, strict=True))}
    for person in (admin, *others):
        person.close()


def asked(client: httpx.Client, rule: Rule, csrf: str) -> tuple[int, str | None]:
    """Status and code of an answer; bodies are empty objects, so that nothing is done."""
    path = rule.path
    for name in ("box", "run", "id", "cmd_id", "account"):
        path = path.replace(f"{{{name}}}", "nobody")
    headers = {"X-Edgeward-CSRF": csrf} if rule.method == "POST" else {}
    body: dict[str, Any] | None = {} if rule.method == "POST" else None
    with client.stream(rule.method, path, json=body, headers=headers) as answer:
        if answer.status_code == 200:
            return 200, None
        answer.read()
        return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("role", Role, ids=str)
def test_every_path_with_every_role(persons: dict[Role, Person], role: Role) -> None:
    person = persons[role]
    for rule in RULES:
        if rule.page == "session.log_out":
            continue  # at its end, below
        status, code = asked(person.client, rule, person.csrf)
        may = rule.roles is None or role in rule.roles
        assert (code == "role.refused") is not may, (rule, status, code)
        assert status < 500 or (rule.page, code) == ("pages.readyz", None)
        if not may:
            assert status == 403


def test_without_a_session_nothing_is_told(console: ConsoleProcess) -> None:
    with httpx.Client(base_url=console.url) as client:
        for rule in RULES:
            status, code = asked(client, rule, "")
            if rule.roles is not None:
                assert (status, code) == (401, "session.none"), rule


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/v1/anything", 404, "request.unknown-path"),
        ("GET", "/api/v1/../../etc/passwd", 404, "request.unknown-path"),
        ("GET", "/static/%2e%2e/%2e%2e/station.py", 404, "request.unknown-path"),
        ("DELETE", "/api/v1/accounts", 405, "request.method"),
        ("PUT", "/api/v1/login", 405, "request.method"),
    ],
)
def test_default_deny(console: ConsoleProcess, method: str, path: str, status: int, code: str) -> None:
    answer = httpx.request(method, console.url + path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_headers_of_every_answer(console: ConsoleProcess) -> None:
    for path in ("/", "/healthz", "/api/v1/fleet", "/api/v1/nothing", "/static/nothing"):
        headers = httpx.get(console.url + path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "require-trusted-types-for 'script'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers
        assert ("no-store" in headers.get("cache-control", "")) is (path != "/" and "static" not in path)


def test_a_request_that_another_site_made_is_refused(persons: dict[Role, Person]) -> None:
    person = persons[Role.OPERATOR]
    body = {"window_s": 0}
    foreign = person.post("/rebirth", body, Origin="https://elsewhere.example")
    assert (foreign.status_code, code(foreign)) == (403, "origin.refused")
    blind = person.post("/rebirth", body, **{"X-Edgeward-CSRF": "0" * 48})
    assert (blind.status_code, code(blind)) == (403, "csrf.refused")
    own = person.post("/rebirth", body, Origin=person.url)
    assert own.status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"{}", "text/plain", (415, "request.type")),
        (b"[]", "application/json", (400, "request.bad")),
        (b"{", "application/json", (400, "request.bad")),
        (b'{"window_s": 0, "more": 1}', "application/json", (400, "request.bad")),
        (b'{"window_s": true}', "application/json", (400, "request.bad")),
        (b'{"window_s": 601}', "application/json", (400, "request.bad")),
        (b" " * 140_000, "application/json", (413, "request.too-large")),
        (b"[" * 100_000, "application/json", (400, "request.bad")),
    ],
    ids=["no JSON type", "a list", "half", "an unknown field", "a flag", "too long", "too large", "deep"],
)
def test_bad_bodies(
    persons: dict[Role, Person], content: bytes, kind: str, expected: tuple[int, str]
) -> None:
    person = persons[Role.OPERATOR]
    headers = {"X-Edgeward-CSRF": person.csrf, "Content-Type": kind}
    answer = person.client.post("/api/v1/rebirth", content=content, headers=headers)
    assert (answer.status_code, code(answer)) == expected


def test_a_one_time_secret_opens_the_password_alone(
    console: ConsoleProcess, persons: dict[Role, Person]
) -> None:
    admin = persons[Role.ADMIN]
    secret = made(admin, "new.one")
    person = Person(console)
    session = person.log_in("new.one", secret).json()
    assert session["must_change"]
    refused = person.try_get("/fleet")
    assert (refused.status_code, code(refused)) == (403, "password.must-change")
    weak = person.change_password(secret, "new.one new.one")
    assert (weak.status_code, code(weak)) == (422, "password.weak")
    old = str(person.client.cookies["edgeward"])
    assert person.change_password(secret, PASSWORD).json()["must_change"] is False
    assert person.get("/fleet")["boxes"] == []
    stolen = httpx.get(f"{console.url}/api/v1/session", cookies={"edgeward": old})
    assert code(stolen) == "session.none"
    again = Person(console).log_in("new.one", secret)
    assert (again.status_code, code(again)) == (401, "login.refused")


def test_a_changed_account_is_out_at_once(console: ConsoleProcess, persons: dict[Role, Person]) -> None:
    admin = persons[Role.ADMIN]
    secret = made(admin, "leaver")
    person = Person(console)
    assert person.log_in("leaver", secret).status_code == 200
    assert person.change_password(secret, PASSWORD).status_code == 200
    stream = person.listen()
    assert admin.post("/accounts/leaver", {"disabled": True}).json()["disabled"] is True
    assert person.try_get("/fleet").status_code == 401
    assert code(Person(console).log_in("leaver", PASSWORD)) == "login.refused"
    stream.wait_for("bye")
    assert stream.of("bye") == [{"code": "session.none"}]


def test_the_last_admin_stays_and_roles_that_do_not_go_together_are_refused(
    persons: dict[Role, Person],
) -> None:
    admin = persons[Role.ADMIN]
    last = admin.post("/accounts/admin", {"disabled": True})
    assert (last.status_code, code(last)) == (409, "account.last-admin")
    both = admin.post("/accounts", {"account": "both", "name": "B", "roles": ["auditor", "operator"]})
    assert (both.status_code, code(both)) == (400, "request.bad")
    twice = admin.post("/accounts", {"account": "ida", "name": "I", "roles": ["viewer"]})
    assert (twice.status_code, code(twice)) == (409, "account.exists")


def test_a_log_out_ends_the_session(console: ConsoleProcess, persons: dict[Role, Person]) -> None:
    secret = made(persons[Role.ADMIN], "brief")
    person = Person(console)
    person.log_in("brief", secret)
    cookie = str(person.client.cookies["edgeward"])
    assert person.post("/logout", {}).json() == {}
    assert httpx.get(f"{console.url}/api/v1/session", cookies={"edgeward": cookie}).status_code == 401


def test_metrics_are_for_this_machine_and_say_what_they_promise(console: ConsoleProcess) -> None:
    text = httpx.get(f"{console.url}/metrics").text
    assert "edgeward_console_broker_connected 1\n" in text
    assert 'edgeward_console_boxes{status="online"} 0\n' in text


def test_what_was_refused_is_in_the_record_and_the_chain_holds(
    console: ConsoleProcess, persons: dict[Role, Person]
) -> None:
    viewer, auditor = persons[Role.VIEWER], persons[Role.AUDITOR]
    assert viewer.try_get("/accounts").status_code == 403
    rows = auditor.get("/audit", account="ida", limit="500")["items"]
    assert any(
        (row["action"], row["result"], row["code"]) == ("accounts.list", "refused", "role.refused")
        for row in rows
    )
    assert {row["terminal"] for row in rows} == {"127.0.0.1"}
    assert auditor.get("/audit/verify")["ok"] is True
    text = str(auditor.get("/audit", limit="500"))
    assert PASSWORD not in text
    assert console.secret not in text


def test_a_changed_record_is_found(console: ConsoleProcess, persons: dict[Role, Person]) -> None:
    auditor = persons[Role.AUDITOR]
    assert auditor.get("/audit/verify")["ok"]
    with sqlite3.connect(console.database, timeout=10) as db:
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("UPDATE audit SET account = 'somebody' WHERE id = 2")
        db.execute("DROP TRIGGER audit_is")
        before = db.execute("SELECT account FROM audit WHERE id = 2").fetchone()[0]
        db.execute("UPDATE audit SET account = 'somebody' WHERE id = 2")
    found = auditor.get("/audit/verify")
    assert (found["ok"], found["broken_at"]) == (False, 2)
    with sqlite3.connect(console.database, timeout=10) as db:
        db.execute("UPDATE audit SET account = ? WHERE id = 2", (before,))
    assert auditor.get("/audit/verify")["ok"]


def test_who_tries_too_often_waits(console: ConsoleProcess) -> None:
    with Person(console).client as client:
        for _ in range(40):
            answer = client.post("/api/v1/login", json={"account": "ida", "password": "wrong"})
            if answer.status_code == 429 and code(answer) == "rate.limited":
                break
            assert code(answer) in ("login.refused", "login.locked")
    assert (answer.status_code, code(answer)) == (429, "rate.limited")
    assert int(answer.headers["retry-after"]) >= 1


def code(answer: httpx.Response) -> str:
    found: dict[str, Any] = answer.json()
    return str(found["error"]["code"])


def made(admin: Person, account: str) -> str:
    """A new viewer's secret."""
    body = {"account": account, "name": account.title(), "roles": ["viewer"], "operator": None}
    return str(admin.post("/accounts", body).json()["secret"])


def test_the_database_is_nobody_elses(console: ConsoleProcess) -> None:
    assert Path(console.database).stat().st_mode & 0o777 == 0o600

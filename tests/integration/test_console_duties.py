"""The controller's duties at the console: witness, births, certificates, reports, recordings, TLS."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from agent.formats import check_report_v1
from agent.formats.check_report_v1 import Report
from agent.ledger import checkpoint as checkpoints
from agent.ledger.signing import SigningKey
from agent.model.times import NS_PER_S, rfc3339
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running, wait_until
from tests.fakes.certificates import TestAuthority
from tests.fakes.consoles import PASSWORD, ConsoleProcess, Person, people
from tests.fakes.controllers import Controller
from tests.fakes.histories import WITNESS, History
from tests.fakes.ledgers import KEY
from tests.fakes.voices import M_BOX, M_CHANNEL, Mouth, Voice

pytestmark = pytest.mark.requires("mosquitto")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with running(mosquitto_broker(tmp_path_factory.mktemp("broker"))) as found:
        yield found


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    folder = tmp_path_factory.mktemp("console")
    WITNESS.save(folder / "witness.key")
    found = ConsoleProcess(
        folder, broker,
        extra=(
            f'[[box]]\nid = "or-3"\nkey = "{KEY.verifier_key}"\n'
            f'[witness]\nname = "main"\nstate_dir = "{folder}/witness"\nkey_file = "{folder}/witness.key"\n'
        ),
    )  # fmt: skip
    found.start()
    try:
        found.wait_ready()
        yield found
    finally:
        found.kill()


@pytest.fixture(scope="module")
def li(console: ConsoleProcess) -> Person:
    return people(console, ("li", "operator", "li"))[1]


@pytest.fixture(scope="module")
def mouth(broker: BrokerProcess) -> Iterator[Mouth]:
    found = Mouth(broker)
    yield found
    found.close()


@pytest.fixture(scope="module")
def ears(broker: BrokerProcess) -> Iterator[Controller]:
    found = Controller(broker)
    yield found
    found.close()


@pytest.fixture(scope="module")
def voice(mouth: Mouth, li: Person) -> Voice:
    found = Voice()
    mouth.introduce(found)
    wait_until(lambda: li.get("/fleet")["boxes"], "the box is known")
    return found


def now() -> str:
    return rfc3339(time.time_ns())


def head(mouth: Mouth, voice: Voice, history: History, *, old: int) -> None:
    path = [b64encode(one).decode() for one in history.path(old)]
    body = {"note": history.note.decode(), "consistency": [{"size": old, "path": path}] if old else []}
    mouth.say(voice.says("_/ckpt/head", body, ts=now()), retain=True)


def cosigned(ears: Controller) -> list[dict[str, Any]]:
    return [json.loads(data) for topic, data, _, _ in list(ears.got) if topic.endswith("/_/cosign/head")]


def test_it_is_the_witness_and_tells_of_a_fork(
    li: Person, mouth: Mouth, ears: Controller, voice: Voice
) -> None:
    first = History.of(3)
    head(mouth, voice, first, old=0)
    wait_until(lambda: cosigned(ears), "a cosignature")
    [answer] = cosigned(ears)
    assert (answer["witness"], answer["code"]) == ("edgeward.witness/main", None)
    assert checkpoints.parse(answer["note"].partition("\n\n")[0] + "\n").size == 3
    head(mouth, voice, first.grown(2), old=3)
    wait_until(lambda: len(cosigned(ears)) == 2, "the next head is cosigned too")
    assert li.get("/witness")["configured"] is True
    head(mouth, voice, History.of(5, "another story"), old=0)

    def stopped() -> list[dict[str, Any]]:
        return [one for one in li.get("/alarms")["items"] if one["code"] == "console.witness"]

    wait_until(stopped, "an alarm tells that the log is stopped")
    assert stopped()[0]["box"] == "or-3"
    assert li.get("/witness")["items"][0]["stopped"] == "witness.forked"


def test_a_wish_for_births_reaches_every_box(li: Person, ears: Controller) -> None:
    assert li.post("/rebirth", {"window_s": 30}).status_code == 200

    def wishes() -> list[tuple[str, bytes, bool, str | None]]:
        return [one for one in list(ears.got) if one[0] == "edgeward/v1/ctl/rebirth"]

    wait_until(wishes, "the wish is at the broker")
    [(_, data, retained, _)] = wishes()
    assert (json.loads(data), retained) == ({"v": 1, "window_s": 30}, False)


@pytest.mark.parametrize(
    ("days", "state", "code"),
    [
        (200, "good", None), (20, "ending", "console.certificate-ending"),
        (-1, "ended", "console.certificate-ended"),
    ],
)  # fmt: skip
def test_certificates_of_boxes(li: Person, mouth: Mouth, days: int, state: str, code: str | None) -> None:
    voice = Voice(box=f"cert-{abs(days)}")
    mouth.introduce(voice)
    end = (datetime.now(UTC) + timedelta(days=days, hours=1)).strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    certificate = {
        "name": voice.box, "key_sha256": "0" * 64, "not_before": "2026-01-01T00:00:00.000000Z",
        "not_after": end,
    }  # fmt: skip
    body = {
        "ledger": "k", "custodians": [], "threshold": 1, "authority": None, "operators": [], "witnesses": [],
        "certificate": certificate,
    }  # fmt: skip
    mouth.say(voice.says("_/twin/keys", body), retain=True)

    def told() -> list[dict[str, Any]]:
        return [one for one in li.get("/certificates")["items"] if one["box"] == voice.box]

    wait_until(told, "the certificate is known")
    assert (told()[0]["state"], told()[0]["days_left"]) == (state, days)
    if code is not None:
        wait_until(
            lambda: any((one["box"], one["code"]) == (voice.box, code) for one in li.get("/alarms")["items"]),
            "an alarm tells of it",
        )


@pytest.mark.parametrize(
    ("key", "signed"),
    [(KEY, "enrolled"), (SigningKey.generate(b"x" * 32, "edgeward.box/or-3"), "unverified")],
    ids=["enrolled", "unverified"],
)
def test_a_report_and_whose_it_is(
    li: Person, mouth: Mouth, voice: Voice, key: SigningKey, signed: str
) -> None:
    report = Report(
        box="or-3", site="Ward 3", made=now(), clk="synced", agent="0.1.0", profile="visit", technician="li",
        result=0, complete=True, previous=None, findings=(),
    )  # fmt: skip
    note = key.sign_note(check_report_v1.encode(report))
    run = f"0193a000-0000-7000-8000-0000000000{'01' if signed == 'enrolled' else '02'}"
    body = {
        "run": run, "profile": "visit", "technician": "li", "result": 0, "complete": True,
        "counts": {"pass": 0, "warn": 0, "fail": 0, "skip": 0, "crash": 0},
        "sha256": sha256(note).hexdigest(), "note": note.decode(), "leaf": 4,
    }  # fmt: skip
    mouth.say(voice.says(f"_/check/{run}", body, ts=now()))
    wait_until(lambda: li.try_get(f"/checks/{run}").status_code == 200, "the report is kept")
    found = li.get(f"/checks/{run}")
    assert (found["signed"], found["findings"], found["result"]) == (signed, [], 0)
    assert run in {one["run"] for one in li.get("/boxes/or-3/checks")["items"]}


def test_recordings_events_and_their_pages(li: Person, mouth: Mouth, voice: Voice) -> None:
    for number in range(3):
        opened = {
            "recording": f"r-{number}", "channel": "ch0", "suite": "s", "category": "surgery", "level": 4,
            "scene": "Theatre", "leaf": number,
        }  # fmt: skip
        mouth.say(voice.says("ch0/e/recording-opened", opened, ts=now()))
    closed = {
        "recording": "r-1", "channel": "ch0", "cause": "stopped", "end": now(), "segments": 2, "frames": 50,
        "frames_expected": 50, "gaps": 0, "size_bytes": 9, "root": "0" * 64, "verdict": "conforming",
        "leaf": 9,
    }  # fmt: skip
    mouth.say(voice.says("ch0/e/recording-closed", closed, ts=now()))
    wait_until(lambda: any(r["closed"] for r in li.get("/recordings")["items"]), "the end is known")
    first = li.get("/recordings", box="or-3", limit="2")
    second = li.get("/recordings", box="or-3", limit="2", before=first["next"])
    found = {one["recording"]: one for one in (*first["items"], *second["items"])}
    assert list(found) == ["r-2", "r-1", "r-0"]
    assert (found["r-1"]["frames"], found["r-1"]["scene"], found["r-2"]["closed"]) == (50, "Theatre", None)
    events = li.get("/boxes/or-3/events", type="recording-opened")["items"]
    assert len(events) == 3
    assert li.try_get("/recordings?before=x").json()["error"]["code"] == "request.bad-cursor"
    assert li.try_get("/recordings?limit=0").status_code == 400


def test_measurements_over_time_with_holes(li: Person, mouth: Mouth, voice: Voice) -> None:
    minute = time.time_ns() // (60 * NS_PER_S) * 60 * NS_PER_S
    for ago, rate in ((5, 25), (4, 20), (2, 25)):
        stamp = rfc3339(minute - ago * 60 * NS_PER_S)
        mouth.say(voice.says("ch0/m/channel", {**M_CHANNEL, "rate_num": rate}, ts=stamp))
    mouth.say(voice.says("_/m/box", M_BOX, ts=rfc3339(minute - 3 * 60 * NS_PER_S)))
    asked = {
        "entity": "ch0", "from": rfc3339(minute - 6 * 60 * NS_PER_S),
        "to": rfc3339(minute - 60 * NS_PER_S), "points": "10",
    }  # fmt: skip

    def rates() -> list[float | None]:
        found: list[float | None] = li.get("/boxes/or-3/history", **asked)["columns"]["rate_mean"]
        return found

    wait_until(lambda: rates() == [None, 25, 20, None, 25, None], f"the minutes are kept: {rates()}", 40)


def test_a_box_that_is_no_more_is_forgotten_by_an_admin(
    console: ConsoleProcess, li: Person, mouth: Mouth
) -> None:
    admin = Person(console)
    assert admin.log_in("admin", PASSWORD).status_code == 200
    voice = Voice(box="gone-1")
    mouth.introduce(voice)
    wait_until(lambda: li.try_get("/boxes/gone-1").status_code == 200, "the box is known")
    alive = admin.post("/boxes/gone-1/forget", {"reason": "sold"})
    assert (alive.status_code, alive.json()["error"]["code"]) == (409, "box.alive")
    mouth.say(voice.says("_/status/box", {"status": "offline", "cause": "stopped"}), retain=True)
    wait_until(lambda: li.get("/boxes/gone-1")["status"] == "offline", "it said good-bye")
    assert admin.post("/boxes/gone-1/forget", {"reason": "sold"}).status_code == 200
    assert li.try_get("/boxes/gone-1").status_code == 404


def test_over_tls(tmp_path: Path, broker: BrokerProcess) -> None:
    authority = TestAuthority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    certificate, key = authority.issue(tmp_path, "console", usage=ExtendedKeyUsageOID.SERVER_AUTH)
    (tmp_path / "token").write_text("a-token-for-the-monitoring\n")
    (tmp_path / "token").chmod(0o600)
    console = ConsoleProcess(
        tmp_path / "tls", broker, ca=tmp_path / "ca.pem",
        top=f'cert_file = "{certificate}"\nkey_file = "{key}"\nmetrics_token_file = "{tmp_path}/token"\n',
    )  # fmt: skip
    console.start()
    try:
        person = Person(console)
        answer = person.log_in("admin", console.secret)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-edgeward=")
        assert {"HttpOnly", "Secure", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        assert "max-age" in answer.headers["strict-transport-security"]
        assert person.change_password(console.secret, PASSWORD).status_code == 200
        [own] = [one for one in person.get("/certificates")["items"] if one["box"] is None]
        assert (own["name"], own["state"]) == ("console-https", "good")
        with pytest.raises(httpx.TransportError):
            httpx.get(console.url.replace("https", "http"))
    finally:
        console.kill()

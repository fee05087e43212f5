"""Commands from a draft at the console to a box's last answer, over a real broker, with real signatures."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.model.outgoing import Json
from tests.fakes.brokers import BrokerProcess, mosquitto_broker, running, wait_until
from tests.fakes.consoles import ConsoleProcess, Person, people
from tests.fakes.controllers import Controller
from tests.fakes.operators import sign
from tests.fakes.voices import BIRTH, ONLINE, Mouth, Voice

pytestmark = pytest.mark.requires("mosquitto")
OFFLINE = {"status": "offline", "cause": "stopped"}
PROPOSAL: dict[str, Json] = {"base": "0" * 64, "configuration": "[box]\n", "interrupt": False}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    with running(mosquitto_broker(tmp_path)) as found:
        yield found


@pytest.fixture
def mouth(broker: BrokerProcess) -> Iterator[Mouth]:
    found = Mouth(broker)
    yield found
    found.close()


@pytest.fixture
def ears(broker: BrokerProcess) -> Iterator[Controller]:
    """Hears what the box would."""
    found = Controller(broker)
    yield found
    found.close()


@pytest.fixture
def console(tmp_path: Path, broker: BrokerProcess) -> Iterator[ConsoleProcess]:
    found = ConsoleProcess(tmp_path / "console", broker)
    found.start()
    try:
        found.wait_ready()
        yield found
    finally:
        found.kill()


def drafted(person: Person, kind: str, args: dict[str, Json], box: str = "or-3") -> dict[str, Any]:
    answer = person.post("/commands/draft", {"box": box, "type": kind, "args": args, "valid_s": 3600})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def given(person: Person, kind: str, args: dict[str, Json], *names: str) -> dict[str, Any]:
    """A command with its first signature."""
    note = sign(drafted(person, kind, args)["text"], *names).decode()
    answer = person.post("/commands", {"note": note})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return {**found, "note": note}


def sent(ears: Controller, cmd_id: str) -> list[bytes]:
    """Every delivery of this command."""
    return [data for topic, data, _, _ in list(ears.got) if topic.endswith(cmd_id) and "/cmd/" in topic]


def answer(mouth: Mouth, voice: Voice, order: dict[str, Any], status: str) -> None:
    body = {
        "cmd_id": order["cmd_id"], "type": order["type"], "status": status, "reason": None, "text": None,
        "advice": None, "result": None, "leaf": 7,
    }  # fmt: skip
    mouth.say(voice.says(f"_/res/{order['type']}/{order['cmd_id']}", body))


def state(person: Person, order: dict[str, Any]) -> str:
    return str(person.get(f"/commands/{order['cmd_id']}")["state"])


def _is(person: Person, order: dict[str, Any], expected: str) -> bool:
    return state(person, order) == expected


def _times(ears: Controller, order: dict[str, Any], times: int) -> bool:
    return len(sent(ears, order["cmd_id"])) == times


def known(person: Person) -> None:
    wait_until(lambda: person.get("/fleet")["boxes"], "the box is known")


def test_a_command_of_one_person(console: ConsoleProcess, mouth: Mouth, ears: Controller) -> None:
    voice = Voice()
    mouth.introduce(voice)
    _, li = people(console, ("li", "operator", "li"))
    known(li)
    stream = li.listen()
    order = given(li, "identify", {}, "li")
    wait_until(lambda: sent(ears, order["cmd_id"]), "the box has it")
    [(topic, data, retained, _)] = [one for one in ears.got if "/cmd/" in one[0]]
    assert topic == f"edgeward/v1/or-3/_/cmd/identify/{order['cmd_id']}"
    assert data == order["note"].encode()
    assert not retained
    wait_until(lambda: state(li, order) == "sent", "the broker has it")
    for status in ("accepted", "succeeded"):
        answer(mouth, voice, order, status)
        wait_until(partial(_is, li, order, status), status)
    told = li.get(f"/commands/{order['cmd_id']}")
    assert [one["step"] for one in told["steps"]] == ["signed", "sending", "sent", "accepted", "succeeded"]
    assert (told["answer"]["leaf"], told["sends"]) == (7, 1)
    said = [one["state"] for group in stream.of("commands") for one in group["commands"]]
    assert said[-1] == "succeeded"
    # An answer that comes later changes nothing: the box has said its last word.
    answer(mouth, voice, order, "failed")
    assert state(li, order) == "succeeded"


def test_a_command_of_two_persons(console: ConsoleProcess, mouth: Mouth, ears: Controller) -> None:
    mouth.introduce(Voice())
    _, wang, zhao, li = people(
        console, ("wang", "operator", "wang"), ("zhao", "security-officer", "zhao"), ("li", "operator", "li")
    )
    known(wang)
    order = given(wang, "config.propose", PROPOSAL, "wang")
    assert order["state"] == "waiting"
    path = f"/commands/{order['cmd_id']}/signatures"
    text = order["note"].partition("\n\n")[0] + "\n"
    both = sign(text, "wang", "zhao").decode()
    for person, note, status, code in (
        (wang, sign(text, "wang", "wang").decode(), 403, "command.same-account"),
        (wang, both, 403, "command.same-account"),
        (li, both, 403, "command.not-your-key"),
        (li, sign(text, "wang", "li").decode(), 422, "command.role"),
        (zhao, sign(text, "zhao").decode(), 422, "command.forged"),
        (zhao, order["note"], 403, "command.not-your-key"),
        (zhao, both.replace("edgeward.command", "edgeward.kommand"), 422, "command.forged"),
    ):
        refused = person.post(path, {"note": note})
        assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert state(wang, order) == "waiting"
    assert not sent(ears, order["cmd_id"])
    second = zhao.post(path, {"note": both})
    assert second.status_code == 200, second.text
    wait_until(lambda: sent(ears, order["cmd_id"]) == [both.encode()], "the box has it with both signatures")
    assert [one["account"] for one in second.json()["signers"]] == ["wang", "zhao"]
    rows = zhao.get("/audit", action="command.sign")["items"]
    assert [row["result"] for row in rows].count("done") == 2
    assert "command.forged" in {row["code"] for row in rows}


def test_what_a_key_may_not_sign_is_refused(console: ConsoleProcess, mouth: Mouth) -> None:
    mouth.introduce(Voice())
    admin, li, ida = people(console, ("li", "operator", "li"), ("ida", "operator", None))
    known(li)
    body: dict[str, Any] = {"box": "or-3", "type": "config.propose", "args": PROPOSAL, "valid_s": 60}
    refused = li.post("/commands/draft", body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "command.role")
    keyless = ida.post("/commands/draft", {**body, "type": "identify", "args": {}})
    assert (keyless.status_code, keyless.json()["error"]["code"]) == (403, "command.not-your-key")
    stranger = li.post("/commands/draft", {**body, "type": "identify", "args": {}, "box": "or-9"})
    assert (stranger.status_code, stranger.json()["error"]["code"]) == (404, "box.unknown")
    note = sign(drafted(li, "identify", {})["text"], "stranger").decode()
    foreign = li.post("/commands", {"note": note})
    assert foreign.json()["error"]["code"] == "command.not-your-key"
    assert admin.get("/commands")["items"] == []


def test_a_box_that_is_away_gets_it_at_its_birth_until_it_has_answered(
    console: ConsoleProcess, mouth: Mouth, ears: Controller
) -> None:
    voice = Voice()
    mouth.introduce(voice)
    mouth.say(voice.says("_/status/box", OFFLINE), retain=True)
    _, li = people(console, ("li", "operator", "li"))
    wait_until(lambda: [b["status"] for b in li.get("/fleet")["boxes"]] == ["offline"], "the box is off line")
    order = given(li, "identify", {}, "li")
    assert state(li, order) == "queued"
    for times in (1, 2):
        voice.session += 1
        mouth.introduce(voice)
        wait_until(partial(_times, ears, order, times), f"sent {times} times")
    assert set(sent(ears, order["cmd_id"])) == {order["note"].encode()}
    answer(mouth, voice, order, "succeeded")
    wait_until(lambda: state(li, order) == "succeeded", "it has answered")
    voice.session += 1
    mouth.introduce(voice)
    other = given(li, "identify", {}, "li")
    wait_until(lambda: sent(ears, other["cmd_id"]), "the next one is there")
    assert len(sent(ears, order["cmd_id"])) == 2


def test_a_killed_console_sends_the_same_bytes_and_never_what_was_answered(
    console: ConsoleProcess, mouth: Mouth, ears: Controller
) -> None:
    voice = Voice()
    mouth.introduce(voice)
    _, li = people(console, ("li", "operator", "li"))
    known(li)
    done, open_ = given(li, "identify", {}, "li"), given(li, "identify", {}, "li")
    wait_until(lambda: sent(ears, done["cmd_id"]) and sent(ears, open_["cmd_id"]), "both were sent")
    answer(mouth, voice, done, "succeeded")
    wait_until(lambda: state(li, done) == "succeeded", "it has answered")  # and is on the disk: GET flushes
    console.kill()
    console.start()
    console.wait_ready()
    wait_until(lambda: len(sent(ears, open_["cmd_id"])) == 2, "the open one came again")
    assert set(sent(ears, open_["cmd_id"])) == {open_["note"].encode()}
    assert len(sent(ears, done["cmd_id"])) == 1
    assert li.try_get("/session").status_code == 401  # sessions end with the console
    answer(mouth, voice, open_, "succeeded")


def test_withdrawn_before_it_was_sent(console: ConsoleProcess, mouth: Mouth, ears: Controller) -> None:
    voice = Voice()
    mouth.introduce(voice)
    mouth.say(voice.says("_/status/box", OFFLINE), retain=True)
    _, li = people(console, ("li", "operator", "li"))
    wait_until(lambda: [b["status"] for b in li.get("/fleet")["boxes"]] == ["offline"], "the box is off line")
    order = given(li, "identify", {}, "li")
    gone = li.post(f"/commands/{order['cmd_id']}/withdraw", {"reason": "wrong box"})
    assert gone.json()["state"] == "withdrawn"
    voice.session += 1
    mouth.introduce(voice)
    other = given(li, "identify", {}, "li")
    wait_until(lambda: sent(ears, other["cmd_id"]), "another one goes out")
    assert not sent(ears, order["cmd_id"])
    late = li.post(f"/commands/{other['cmd_id']}/withdraw", {"reason": "wrong box"})
    assert (late.status_code, late.json()["error"]["code"]) == (409, "command.state")
    again = li.post("/commands", {"note": order["note"]})
    assert again.json()["error"]["code"] in ("command.id-reused", "command.counter")


def test_another_birth_makes_a_privileged_command_stale(
    console: ConsoleProcess, mouth: Mouth, ears: Controller
) -> None:
    voice = Voice()
    mouth.introduce(voice)
    _, wang, zhao = people(console, ("wang", "operator", "wang"), ("zhao", "operator", "zhao"))
    known(wang)
    order = given(wang, "config.propose", PROPOSAL, "wang")
    voice.session += 1
    mouth.say(voice.says("_/birth/box", {**BIRTH, "cmd_nonce": "1" * 32}), retain=True)
    mouth.say(voice.says("_/status/box", ONLINE), retain=True)
    wait_until(lambda: state(wang, order) == "stale", "it can't be sent any more")
    text = order["note"].partition("\n\n")[0] + "\n"
    late = zhao.post(f"/commands/{order['cmd_id']}/signatures", {"note": sign(text, "wang", "zhao").decode()})
    assert late.status_code in (404, 409)
    assert not sent(ears, order["cmd_id"])

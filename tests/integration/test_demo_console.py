"""`make demo DEMO=console`'s program: a real fleet of three boxes, seen over HTTP as a browser would.

Alarms come, two people sign one command, a box does it, and the end leaves no process behind.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from agent.demo.console_boxes import BOXES, OUTAGES, REFUSED, Around, agent_toml
from agent.formats import signed_note
from agent.formats.config_v1 import AgentConfig, parse
from agent.formats.signed_note import COSIGNATURE, Note
from agent.ledger.signing import SigningKey
from agent.model.times import NS_PER_S
from agent.runtime.plan_gate import is_open
from tests.fakes.agents import ROOT, cli, wait_until

START_S = 90.0
CHANNELS = {"or-1": 2, "endo-2": 3, "ward-3": 2}


@dataclass(slots=True, kw_only=True)
class Demo:
    """The program in `folder`, and what it has printed so far."""

    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def printed(self) -> str:
        return (self.folder / "out.txt").read_text()

    @property
    def said(self) -> str:
        return (self.folder / "err.txt").read_text()

    def word(self, name: str) -> str:
        """What stands behind `name` in the printed lines."""
        found = re.search(rf"^{name} +([^\s:]\S*[^\s:])", self.printed, re.M)
        assert found, self.said
        return found.group(1)

    @property
    def keys(self) -> Path:
        return self.folder / self.word("keys")

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def demo(folder: Path, *arguments: str) -> Iterator[Demo]:
    """From the moment when it has printed where people log in."""
    with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.demo", "console", *arguments], cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
        )  # fmt: skip
    found = Demo(folder=folder, process=process)
    try:
        wait_until("it says where it is", lambda: welcomed(found), START_S)
        yield found
    finally:
        if process.poll() is None:
            process.kill()  # its children end with it
            process.wait()


def welcomed(found: Demo) -> bool:
    assert found.process.poll() is None, found.said
    return "sign it as li" in found.printed


class Person:
    """An operator with the key that the demo made."""

    def __init__(self, found: Demo, account: str) -> None:
        self._key = SigningKey.load(found.keys / f"{account}.key")
        self._client = httpx.Client(base_url=found.word("console"), timeout=20)
        body = {"account": account, "password": found.word("password")}
        answer = self._client.post("/api/v1/login", json=body)
        assert answer.status_code == 200, answer.text
        self.session = answer.json()

    def get(self, path: str) -> Any:
        answer = self._client.get(f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, object]) -> Any:
        headers = {"X-Edgeward-CSRF": self.session["csrf"]}
        answer = self._client.post(f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def line(self, text: str) -> signed_note.Signature:
        """This person's signature of `text`."""
        return signed_note.parse(self._key.sign_note(text)).signatures[0]

    def channels(self) -> dict[str, int]:
        return {box["box"]: len(box["channels"]) for box in self.get("/fleet")["boxes"]}

    def alarms(self) -> set[tuple[str, str, str]]:
        """Box, entity, code of all that were raised, over or not."""
        found = self.get("/alarms?state=all&limit=500")["items"]
        return {(one["box"], one["entity"], one["code"]) for one in found}

    def close(self) -> None:
        self._client.close()


def two_people_sign(li: Person, wang: Person, box: str, kind: str, args: dict[str, object]) -> str:
    """Gives the command's id; it is on its way then."""
    draft = li.post("/commands/draft", {"box": box, "type": kind, "args": args, "valid_s": 600})
    text = draft["text"]
    first = signed_note.encode(Note(text=text, signatures=(li.line(text),)))
    made = li.post("/commands", {"note": first.decode()})
    assert made["state"] == "waiting"
    both = signed_note.encode(Note(text=text, signatures=(li.line(text), wang.line(text))))
    cmd_id = str(made["cmd_id"])
    wang.post(f"/commands/{cmd_id}/signatures", {"note": both.decode()})
    return cmd_id


def test_the_cameras_are_seven_and_their_faults_come_back() -> None:
    assert {box.id: len(box.cameras) for box in BOXES} == CHANNELS
    assert sum(CHANNELS.values()) == 7
    assert [one.kind for one in OUTAGES] == ["stop", "start", "cut", "start"]


@pytest.mark.parametrize("hour", range(24))
def test_the_files_are_good_and_the_lecture_room_is_closed_at_any_hour(tmp_path: Path, hour: int) -> None:
    witness = SigningKey.generate(bytes(32), "edgeward.witness/console", COSIGNATURE).verifier_key
    around = Around(
        host="127.0.0.1", port=1883, recipient="age1x", witness_key=witness, operators="", hour=hour
    )
    for box in BOXES:
        config = parse(agent_toml(box, tmp_path, around))
        assert isinstance(config, AgentConfig), config
        schedules = {one.id: one.plan.schedule for one in config.channel if one.plan is not None}
        closed = {name: schedule for name, schedule in schedules.items() if schedule is not None}
        assert {(box.id, name) for name in closed} == ({REFUSED} if box.id == REFUSED[0] else set())
        for schedule in closed.values():
            hours = [is_open(schedule, (hour + later) * 3600 * NS_PER_S) for later in range(24)]
            assert (hours.index(True), sum(hours)) == (11, 1)


def test_it_ends_by_itself_and_leaves_nothing_running(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "40") as found:
        li = Person(found, "li")
        assert li.session["operator"] == "li"
        wait_until("three boxes are there", lambda: li.channels() == CHANNELS, 35)
        wait_until("the refused camera", lambda: ("endo-2", "ch2", "plan.outside-schedule") in li.alarms())
        li.close()
        started = found.descendants()
        assert len(started) >= 2 + len(BOXES)
        assert found.process.wait(120) == 0, found.said
    wait_until("all have ended", lambda: not any(one.is_running() for one in started))
    assert "WRONG" not in found.said
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [".demo"]
    [line] = [line for line in found.printed.splitlines() if line.startswith("verify a box: ")]
    vault, key = re.findall(r"\.demo/\S+", line)
    verified = cli("verify", str(tmp_path / vault), "--key", str(tmp_path / key))
    assert verified.returncode == 0, verified.stdout


def test_two_people_change_a_plan_and_the_refused_camera_records(tmp_path: Path) -> None:
    with demo(tmp_path) as found:
        li, wang = Person(found, "li"), Person(found, "wang")
        wait_until(
            "the refused camera", lambda: ("endo-2", "ch2", "plan.outside-schedule") in li.alarms(), 60
        )
        wait_until("a fault of a picture", lambda: ("endo-2", "ch0", "spec.nonconforming") in li.alarms(), 90)
        base = li.get("/boxes/endo-2")["configuration_sha256"]
        plan = json.loads(found.printed.partition("plan: ")[2].partition("\n")[0])
        args = {"base": base, "channel": "ch2", "plan": plan, "interrupt": True}
        cmd_id = two_people_sign(li, wang, "endo-2", "plan.set", args)
        wait_until("it is done", lambda: li.get(f"/commands/{cmd_id}")["state"] == "succeeded", 30)
        wait_until("it records", lambda: records(li, "endo-2", "ch2"), 60)
        li.close()
        wang.close()
        started = found.descendants()
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(120) == 0, found.said
    wait_until("all have ended", lambda: not any(one.is_running() for one in started))
    assert "verify a box: " in found.printed


def test_who_interrupts_twice_does_not_wait(tmp_path: Path) -> None:
    with demo(tmp_path) as found:
        started = found.descendants()
        found.process.send_signal(signal.SIGINT)
        wait_until("it has understood", lambda: "ending" in found.said)
        found.process.send_signal(signal.SIGTERM)
        assert found.process.wait(60) == 130, found.said
    wait_until("all have ended", lambda: not any(one.is_running() for one in started))


def records(person: Person, box: str, channel: str) -> bool:
    """True while a recording of this channel is open."""
    rows = {row["box"]: row for row in person.get("/fleet")["boxes"]}
    return rows[box]["channels"][channel]["recording"] is not None


@pytest.mark.parametrize(
    "arguments", [("--seconds", "0"), ("--json",), ("now",)], ids=["no time", "another option", "a word"]
)
def test_what_it_does_not_know_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "agent.demo", "console", *arguments], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "usage: python -m agent.demo console" in done.stderr
    assert list(tmp_path.iterdir()) == []

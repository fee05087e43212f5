"""The demo's watcher counts what it understands; its children end with it: real processes, ended by id."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

from agent.demo.child import Child
from agent.demo.watcher import Seen
from agent.formats import mqtt_v1
from agent.formats.mqtt_v1 import Envelope
from agent.model.outgoing import Json, Outgoing, Priority
from tests.fakes.clock import FakeClock

BOX = "demo"


def take(
    seen: Seen, seq: int | None, entity: str, kind: str, type_: str, body: dict[str, Json] | None
) -> None:
    envelope = Envelope(box=BOX, boot="1", session=1, seq=seq, at=FakeClock().now())
    message = Outgoing(entity=entity, kind=kind, type=type_, body=body, priority=Priority.EVENT)
    data = mqtt_v1.encode(message, envelope)
    topic = mqtt_v1.topic(BOX, message)
    if body is None:
        seen.take(topic, b"", data.decode())
    else:
        seen.take(topic, data, None)


def test_each_kind_of_message_is_counted_where_it_belongs() -> None:
    seen = Seen()
    take(seen, 1, "_", "status", "box", {"status": "online"})
    take(seen, 2, "ch0", "state", "channel", {"signal": "present"})
    take(seen, 3, "ch0", "e", "recording-opened", {"leaf": 1})
    take(seen, 4, "ch0", "e", "segment", {"leaf": 2})
    take(seen, 5, "ch0", "a", "source-lost", {"code": "source.lost"})
    assert (seen.messages, seen.events, seen.recordings, seen.malformed) == (5, 2, 1, 0)
    assert seen.statuses == [("online", None)]
    assert seen.channels["ch0"]["signal"] == "present"
    assert list(seen.alarms) == [("ch0", "source-lost")]
    take(seen, 6, "ch0", "a", "source-lost", None)
    assert seen.alarms == {}


def test_a_number_that_comes_twice_counts_once() -> None:
    seen = Seen()
    for _ in range(2):
        take(seen, 7, "ch0", "e", "segment", {"leaf": 1})
    assert (seen.messages, seen.events) == (1, 1)


def test_a_will_has_no_number_and_is_no_goodbye() -> None:
    seen = Seen()
    take(seen, None, "_", "status", "box", {"status": "offline", "cause": "lost"})
    assert not seen.ended_well
    take(seen, 2, "_", "status", "box", {"status": "offline", "cause": "stopped"})
    assert seen.ended_well


def test_what_does_not_decode_is_counted_and_nothing_else() -> None:
    seen = Seen()
    for topic, payload in (("edgeward/v1/demo/_/status/box", b"{"), ("edgeward/v1", b"{}"), ("x", b"\xff")):
        seen.take(topic, payload, None)
    assert (seen.malformed, seen.messages) == (3, 0)


def test_a_copy_does_not_change() -> None:
    seen = Seen()
    take(seen, 1, "_", "status", "box", {"status": "online"})
    copy = seen.copy()
    take(seen, 2, "ch0", "e", "segment", {"leaf": 1})
    assert (copy.messages, copy.events, len(copy.statuses)) == (1, 0, 1)


def module(tmp_path: Path, code: str) -> str:
    (tmp_path / "story.py").write_text(code)
    return "story"


def started(tmp_path: Path, code: str) -> Child:
    name = module(tmp_path, code)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(tmp_path)
    try:
        return Child("story", name, ["x"], tmp_path / "log")
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def has_ended(child: Child) -> bool:
    return bool(select.select([child.ended], [], [], 10)[0])


def until_said(path: Path, text: str) -> None:
    deadline = monotonic() + 10
    while text not in (path.read_text() if path.exists() else ""):
        assert monotonic() < deadline, f"never said: {text}"
        select.select([], [], [], 0.01)


def test_a_childs_end_can_be_waited_for_and_its_last_words_are_kept(tmp_path: Path) -> None:
    child = started(tmp_path, "import sys; print('out', sys.argv[1], flush=True); sys.exit('last words')")
    assert has_ended(child)
    assert child.exit_code == 1
    assert child.last_words() == "out x\nlast words"
    child.close()


def test_a_stop_asks_first_and_kills_only_what_does_not_listen(tmp_path: Path) -> None:
    polite = started(tmp_path, "import signal; print('up', flush=True); signal.pause()")
    until_said(tmp_path / "log", "up")
    assert polite.exit_code is None
    assert polite.stop(10) == -signal.SIGTERM
    polite.close()
    deaf = started(
        tmp_path,
        "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True)\n"
        "while True: signal.pause()",
    )
    until_said(tmp_path / "log", "deaf")
    assert deaf.stop(0.1) is None
    assert deaf.exit_code == -signal.SIGKILL
    deaf.close()


def test_a_child_has_its_own_process_group_so_that_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    child = started(tmp_path, "import os, signal; print(os.getpid(), flush=True); signal.pause()")
    until_said(tmp_path / "log", "\n")
    pid = int(child.last_words())
    assert os.getpgid(pid) == pid != os.getpgid(0)
    child.close()


def test_a_child_ends_with_the_demo_even_when_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    module(tmp_path, "import os, signal; print(os.getpid(), flush=True); signal.pause()")
    code = (
        "import sys, signal; from pathlib import Path; from agent.demo.child import Child;"
        f"Child('story', 'story', [], Path({str(log)!r})); signal.pause()"
    )
    root = str(Path(__file__).resolve().parents[3])
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(tmp_path), root))},
    ) as demo:
        until_said(log, "\n")
        pid = int(log.read_text())
        ended = os.pidfd_open(pid)
        demo.kill()
    assert select.select([ended], [], [], 10)[0]
    os.close(ended)


def test_a_bound_program_is_not_started_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    done = subprocess.run(
        [sys.executable, "-m", "agent.demo.bound", "1", sys.executable, "-c", f"open({str(touched)!r}, 'w')"],
        cwd=Path(__file__).resolve().parents[3],
        check=False,
    )
    assert done.returncode == 1
    assert not touched.exists()

"""A whole life of a box with planted names and ids everywhere: none of them is in a leaf (STD 7.2, STD 7.4).

Planted is what a box may meet of a patient: in names for people, addresses and paths of sources, users and
passwords of cameras, refused requests, output files of openings. What operators write into a reason, a
purpose or a signed command of their own is theirs to keep clean (docs/formats/ledger-v1.md): not tested here.
"""

from __future__ import annotations

import socket
from pathlib import Path

from agent.control.client import ask, send_note
from agent.control.door import SOCKET_NAME
from agent.formats.ledger_v1 import LeafType, encode_leaf
from agent.model.commands import CommandType
from agent.model.outgoing import Json
from tests.fakes.agents import (
    PLAN,
    SYNTHETIC,
    Box,
    cli,
    make_box,
    running,
    start,
    wait_for_segments,
    wait_until,
)
from tests.fakes.operators import Office, toml

PLANTED = {
    "site": "Planted-Site-Zhang-San",
    "name": "Planted-Name-Zhang-San-1985",
    "file": "planted-file-110101198501011234",
    "address": "planted-address-li-si",
    "user": "planted-user-wang-wu",
    "password": "planted-password",
    "type": "planted.type",
    "args": "planted-args-zhao-liu",
    "garbage": "planted-garbage-mrn-0042",
    "output": "planted-output-zhang-san",
}


def _channel(name: str, source: str) -> str:
    return (
        f'[[channel]]\nid = "{name}"\nname = "{PLANTED["name"]}"\ncategory = "dt"\nlevel = 4\n'
        f'purpose = "test"\nlawful_basis = "test"\n{PLAN}\n[channel.source]\n{source}\n'
        '[channel.spec]\nwidth = 640\nheight = 360\nrate = "25"\n'
    )


def _box(root: Path) -> Box:
    password = root / "camera.pw"
    password.write_text(PLANTED["password"] + "\n")
    password.chmod(0o600)
    box = make_box(root, extra=toml(), source=SYNTHETIC)
    text = box.config.read_text().replace(
        'id = "test-box"\n', f'id = "test-box"\nsite = "{PLANTED["site"]}"\n'
    )
    text = text.replace('id = "ch0"\n', f'id = "ch0"\nname = "{PLANTED["name"]}"\n')
    text += _channel("ch1", f'kind = "file"\npath = "{root}/{PLANTED["file"]}.mp4"\nloop = true\n')
    text += _channel(
        "ch2",
        f'kind = "rtsp"\nurl = "rtsp://127.0.0.1:1/{PLANTED["address"]}"\nusername = "{PLANTED["user"]}"\n'
        f'password_file = "{password}"\n',
    )
    box.config.write_text(text)
    return box


def _raw(box: Box, request: bytes) -> None:
    """Bytes at the door, as somebody's own program would send them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(15)
        door.connect(str(box.root / "run" / SOCKET_NAME))
        door.sendall(request)
        door.shutdown(socket.SHUT_WR)
        assert door.recv(65536), "an answer"


def _refused_requests(box: Box) -> None:
    """Each kind of refusal, with something planted inside."""
    office = Office("test-box", nonce="0" * 32)
    run = box.root / "run"
    planted: dict[str, Json] = {"recordings": [PLANTED["args"]], "reason": PLANTED["args"]}
    assert ask(run, CommandType.HOLD_CLEAR, planted)["status"] == "rejected"
    assert (
        send_note(run, office.write(CommandType.HOLD_SET, "stranger", args=planted))["status"] == "rejected"
    )
    assert send_note(run, office.write(CommandType.PLAN_SET, "li", args=planted))["status"] == "rejected"
    _raw(box, f'{{"v":1,"type":"{PLANTED["type"]}","args":{{}}}}'.encode())
    _raw(box, f'{{"v":1,"{PLANTED["garbage"]}":1}}'.encode())
    _raw(box, PLANTED["garbage"].encode())


def test_no_planted_name_or_id_is_in_any_leaf(tmp_path: Path) -> None:
    box = _box(tmp_path)
    killed = start(box)
    try:
        wait_for_segments(box, 2)
    finally:
        killed.kill()
        killed.wait()
    with running(box):
        wait_for_segments(box, 4)
        wait_until(
            "both broken sources are told",
            lambda: {"ch1", "ch2"} <= {one["entity"] for one in box.status()["alarms"]},
        )
        _refused_requests(box)
        recording = str(box.leaves(LeafType.RECORDING_CLOSED)[0].body["recording"])
        output = box.root / f"{PLANTED['output']}.mp4"
        opened = cli(
            "open", recording, "-i", str(box.custodian), "-o", str(output), "--purpose", "test",
            "-c", str(box.config),
        )  # fmt: skip
        assert opened.returncode in (0, 1), opened.stderr
    leaves = box.leaves()
    kinds = {leaf.type for leaf in leaves}
    assert kinds >= {
        LeafType.BOOT, LeafType.SHUTDOWN, LeafType.CONFIGURATION, LeafType.SEGMENT, LeafType.RECORDING_OPENED,
        LeafType.RECORDING_CLOSED, LeafType.ALARM_RAISED, LeafType.COMMAND_DENIED, LeafType.OPENED_BY,
    }  # fmt: skip
    assert len(box.leaves(LeafType.COMMAND_DENIED)) == 6
    found = {
        (word, leaf.type.value, str(leaf.body)[:300])
        for leaf in leaves
        for word in PLANTED.values()
        if word.lower().encode() in encode_leaf(leaf).lower()
    }
    assert found == set()

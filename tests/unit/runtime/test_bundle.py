"""A support bundle holds what the allow-list says, sealed; nothing in it names a person, place or secret."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from agent.formats.config_v1 import AgentConfig, parse
from agent.health.checks import CHECKS
from agent.health.engine import run, tasks
from agent.host.programs import Output
from agent.model.errors import Refuse
from agent.runtime.bundle import LOG_LINES, MEMBERS, make_bundle, without_places
from agent.seal.age_reader import open_bytes
from agent.seal.recording_key import new_key_pair
from tests.fakes.sites import FakeBox, healthy
from tests.unit.runtime.vaults import SmallBox

SUPPORT = new_key_pair(os.urandom)
PLANTED = ("10.1.2.3", "cam-admin", "/etc/edgeward/cam0.pw", "broker.hospital", "Building 2", "Zhang San")


def members(box: FakeBox) -> dict[str, Any]:
    site = box.site()
    findings = tuple(run(tasks(CHECKS, ["ch0"]), site, lambda _task: None))
    sealed = make_bundle(site, findings, SUPPORT.recipient, box.clock.now(), os.urandom)
    assert sealed.startswith(b"age-encryption.org/v1\n")
    plain = open_bytes(sealed, [SUPPORT.identity])
    found = {}
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        for entry in archive:
            stream = archive.extractfile(entry)
            assert stream is not None
            found[entry.name] = json.load(stream)
    return found


def test_a_bundle_has_the_listed_members_only(tmp_path: Path) -> None:
    found = members(healthy(tmp_path))
    assert set(found) == set(MEMBERS)
    assert {one["check"] for one in found["findings.json"]} == {check.id for check in CHECKS}
    assert found["status.json"]["channels"][0]["signal"] == "present"


def test_a_bundle_has_no_picture_not_even_a_masked_one(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.channel(picture="0" * 40)
    [channel] = members(box)["status.json"]["channels"]
    assert (channel["id"], "picture" in channel) == ("ch0", False)


def test_what_names_people_and_places_is_replaced(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    parsed = parse(
        '[box]\nid = "test-box"\nsite = "Building 2"\n'
        f'state_dir = "{tmp_path}/state"\nvault_dir = "{tmp_path}/vault"\nruntime_dir = "{tmp_path}/run"\n'
        f'[custodians]\nrecipients = ["{SUPPORT.recipient}"]\n'
        '[mqtt]\nhost = "broker.hospital"\n'
        '[[channel]]\nid = "ch0"\nname = "Zhang San"\ncategory = "dt"\npurpose = "p"\nlawful_basis = "l"\n'
        '[channel.source]\nkind = "rtsp"\nurl = "rtsp://10.1.2.3/s"\nusername = "cam-admin"\n'
        'password_file = "/etc/edgeward/cam0.pw"\n'
        '[channel.spec]\nwidth = 1280\nheight = 720\nrate = "25"\n'
    )
    assert isinstance(parsed, AgentConfig), parsed
    box.config = parsed
    text = json.dumps(members(box)["configuration.json"], ensure_ascii=False)
    assert [word for word in PLANTED if word in text] == []
    assert '"username": "(set)"' in text


def test_the_ledger_is_in_it_without_free_text(tmp_path: Path) -> None:
    vault = SmallBox(tmp_path)
    vault.record()
    box = healthy(tmp_path / "site")
    box.config = vault.config
    rows = members(box)["ledger.json"]
    assert {"recording-opened", "segment", "recording-closed"} <= {row["type"] for row in rows}
    allowed = {"n", "boot", "wall", "clk", "type", "code", "cause", "channel", "step_ms"}
    assert all(set(row) <= allowed for row in rows)


def test_the_log_is_cut_to_the_newest_lines(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    box.programs["journalctl"] = Output(code=0, text="\n".join(f"line {n}" for n in range(2 * LOG_LINES)))
    lines = members(box)["log.json"]
    assert (len(lines), lines[-1]) == (LOG_LINES, f"line {2 * LOG_LINES - 1}")


def test_a_ledger_that_can_not_be_read_does_not_hide_the_rest(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    (box.config.box.vault_dir / "ledger" / "tail.entries").mkdir()
    found = members(box)
    assert "error" in found["ledger.json"]
    assert found["about.json"]["agent"]


def test_a_stranger_s_key_can_not_be_sealed_to(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    with pytest.raises(Refuse) as refused:
        make_bundle(box.site(), (), "age1nonsense", box.clock.now(), os.urandom)
    assert refused.value.code == "seal.bad-recipient"


def test_a_value_that_is_not_set_stays_so() -> None:
    assert without_places({"username": None, "port": 1, "deep": [{"host": "x"}]}) == {
        "username": None,
        "port": 1,
        "deep": [{"host": "(set)"}],
    }

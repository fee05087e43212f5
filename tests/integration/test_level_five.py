"""A channel of level 5 with the real agent: sealed with the post-quantum suite alone, from key to ledger.

The box has a channel of level 4 beside it, and custodians of both kinds.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from agent.formats.age_v1 import header_end, parse
from agent.formats.ledger_v1 import LeafType
from agent.model.outgoing import Json
from tests.fakes.agents import ROOT, Box, cli, make_box, running, start, wait_for_segments, wait_until

TYPAGE = ROOT / "tests" / "tools" / "npm" / "typage.mjs"
SUITES = {"ch0": "age-x25519", "ch1": "age-mlkem768x25519"}


def post_quantum_key(box: Box) -> Path:
    return box.root / "post-quantum.txt"


def make_two_levels(root: Path) -> Box:
    """ch0 has level 4, ch1 level 5; one custodian has a key of each kind, in two files."""
    box = make_box(root, channels=2)
    made = cli("keygen", "--post-quantum", "-o", str(post_quantum_key(box)))
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("age1pq1")
    head, _, tail = box.config.read_text().rpartition("level = 4")
    text = (head + "level = 5" + tail).replace('"]\n', f'", "{made.stdout.strip()}"]\n', 1)
    box.config.write_text(text)
    return box


def wait_for_both(box: Box, count: int) -> None:
    def done() -> bool:
        found = [leaf.body["channel"] for leaf in box.leaves(LeafType.SEGMENT)]
        return all(found.count(channel) >= count for channel in SUITES)

    wait_until(f"{count} segments of each channel", done, 30.0)


def stanza_types(path: Path) -> list[str]:
    data = path.read_bytes()
    end = header_end(data)
    assert end is not None
    return [stanza.type for stanza in parse(data[:end]).stanzas]


def opened_leaf(box: Box, channel: str) -> Mapping[str, Json]:
    [body] = [leaf.body for leaf in box.leaves(LeafType.RECORDING_OPENED) if leaf.body["channel"] == channel]
    return body


def directory(box: Box, channel: str) -> Path:
    return box.vault / "recordings" / str(opened_leaf(box, channel)["recording"])


def open_with(box: Box, channel: str, key: Path, out: Path) -> subprocess.CompletedProcess[str]:
    recording = directory(box, channel).name
    return cli("open", recording, "-i", str(key), "-o", str(out), "--vault", str(box.vault), *box.access)


def test_each_level_has_its_suite_from_key_to_ledger(tmp_path: Path) -> None:
    box = make_two_levels(tmp_path)
    with running(box):
        wait_for_both(box, 2)
    report = box.verify()
    assert (report.result, report.problems) == ("ok", ())
    hrp = {"ch0": ("age1", "X25519", 4), "ch1": ("age1pq1", "mlkem768x25519", 5)}
    for channel, suite in SUITES.items():
        start_of, stanza, level = hrp[channel]
        leaf = opened_leaf(box, channel)
        assert (leaf["suite"], leaf["level"]) == (suite, level)
        manifest = json.loads((directory(box, channel) / "manifest.json").read_bytes())
        assert manifest["suite"] == suite
        assert [name.startswith(start_of) for name in (manifest["recipient"], *manifest["custodians"])] == [
            True,
            True,
        ]
        assert ("age1pq1" in manifest["custodians"][0]) == (channel == "ch1")
        sealed = sorted(directory(box, channel).glob("*.age"))
        assert len(sealed) >= 3
        assert {tuple(stanza_types(path)) for path in sealed} == {(stanza,)}
        segments = [leaf.body for leaf in box.leaves(LeafType.SEGMENT) if leaf.body["channel"] == channel]
        assert {body["suite"] for body in segments} == {suite}


def test_each_kind_of_key_opens_its_level_and_not_the_other(tmp_path: Path) -> None:
    box = make_two_levels(tmp_path)
    with running(box):
        wait_for_both(box, 2)
    frames = {one.channel: one.frames for one in box.verify().recordings}
    for channel, key, other in (
        ("ch0", box.custodian, post_quantum_key(box)),
        ("ch1", post_quantum_key(box), box.custodian),
    ):
        refused = open_with(box, channel, other, tmp_path / "no.mp4")
        assert (refused.returncode, "seal.no-matching-key" in refused.stderr) == (1, True)
        assert not (tmp_path / "no.mp4").exists()
        opened = open_with(box, channel, key, tmp_path / f"{channel}.mp4")
        assert opened.returncode == 0, opened.stderr
        assert f"{frames[channel]} frames" in opened.stderr


@pytest.mark.requires("node packages", "ffmpeg")
def test_typage_opens_capsule_and_segment(tmp_path: Path) -> None:
    box = make_two_levels(tmp_path)
    with running(box):
        wait_for_both(box, 2)
    leaf = next(leaf for leaf in box.leaves(LeafType.SEGMENT) if leaf.body["channel"] == "ch1")
    (tmp_path / "rk.txt").write_bytes(typage(post_quantum_key(box), directory(box, "ch1") / "capsule.age"))
    segment = directory(box, "ch1") / str(leaf.body["name"])
    clear = typage(tmp_path / "rk.txt", segment)
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames"]
    counted = subprocess.run(
        [*command, "-of", "csv=p=0", "-"], input=clear, capture_output=True, check=True
    ).stdout
    assert int(counted) == leaf.body["frames"]


def typage(key: Path, sealed: Path) -> bytes:
    command = ["node", str(TYPAGE), "decrypt", str(key)]
    return subprocess.run(command, input=sealed.read_bytes(), capture_output=True, check=True).stdout


def test_what_a_kill_left_is_entered_with_its_suite(tmp_path: Path) -> None:
    box = make_two_levels(tmp_path)
    killed = start(box)
    wait_for_both(box, 1)
    wait_until("open segments", lambda: all(_growing(box, channel) for channel in SUITES))
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {channel: directory(box, channel).name for channel in SUITES}
    with running(box):
        wait_for_segments(box, len(box.leaves(LeafType.SEGMENT)) + 4)
    adopted = [leaf.body for leaf in box.leaves(LeafType.SEGMENT) if leaf.body["reason"] == "crash"]
    assert {body["channel"]: body["suite"] for body in adopted} == SUITES
    assert box.verify().result == "ok-with-gaps"
    out = tmp_path / "out.mp4"
    opened = cli(
        "open", before["ch1"], "-i", str(post_quantum_key(box)), "-o", str(out), "--vault", str(box.vault),
        *box.access,
    )  # fmt: skip
    assert opened.returncode in (0, 3), opened.stderr
    assert out.stat().st_size > 0


def _growing(box: Box, channel: str) -> bool:
    """A segment file that no leaf names yet."""
    named = {leaf.body["name"] for leaf in box.leaves(LeafType.SEGMENT) if leaf.body["channel"] == channel}
    files = {path.name for path in directory(box, channel).glob("*.mp4.age")}
    return bool(files - named)


@pytest.mark.parametrize(
    ("missing", "channel", "line_of", "remedy"),
    [
        ("age1pq1", "ch1", "level = 5", "`edgeward keygen --post-quantum`"),
        ("age1", "ch0", "level = 4", "`edgeward keygen`"),
    ],
)
def test_a_level_without_its_custodian_is_a_configuration_error(
    tmp_path: Path, missing: str, channel: str, line_of: str, remedy: str
) -> None:
    box = make_two_levels(tmp_path)
    lines = box.config.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("recipients"))
    names = [name for name in lines[at].split('"') if name.startswith("age1")]
    kept = next(name for name in names if name.startswith("age1pq1") != (missing == "age1pq1"))
    lines[at] = f'recipients = ["{kept}"]'
    box.config.write_text("\n".join(lines))
    for verb in (("config", "check"), ("run",)):
        done = cli(*verb, "-c", str(box.config))
        assert done.returncode == 78
        [told] = done.stderr.splitlines()
        assert told.startswith(f"{box.config}:{lines.index(line_of) + 1}: channel.{channel[-1]}.level: ")
        for part in (repr(channel), missing, remedy, "custodians.recipients"):
            assert part in told
        assert kept not in told
    assert not box.vault.exists()

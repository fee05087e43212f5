"""`edgeward tickets` and `edgeward authority` as people meet them: exit codes, words, nothing half done."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from agent.cli.exits import Exit
from tests.fakes.agents import Box, cli, make_box

ISSUE = ("--box", "test-box", "--level", "4", "--retention", "30 days", "--count", "2")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority with one batch, and a box that knows it. Tests must not change it."""
    root = tmp_path_factory.mktemp("house")
    made = cli("authority", "init", "-d", str(root / "ka"), "--name", "h1")
    assert (made.returncode, made.stderr) == (0, "")
    make_box(root, extra=f'[tickets]\nauthority = "{made.stdout.strip()}"\n')
    assert cli("authority", "issue", "-d", str(root / "ka"), *ISSUE, "-o", str(root / "b")).returncode == 0
    return root


def ka(house: Path) -> tuple[str, str]:
    return "-d", str(house / "ka")


def told(stderr: str, code: str) -> bool:
    first, second = stderr.splitlines()
    return first.endswith(f"[{code}]") and second.startswith("what to do: ")


def test_the_files_of_an_authority_are_its_owners_alone(house: Path) -> None:
    for name in ("signing.key", "epoch.key"):
        assert stat.S_IMODE((house / "ka" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((house / "ka").stat().st_mode) == 0o700


def test_list_for_people_and_programs(house: Path) -> None:
    shown = cli("authority", "list", *ka(house)).stdout.splitlines()
    rows = json.loads(cli("authority", "list", "--json", *ka(house)).stdout)
    assert [line.split()[0] for line in shown] == [row["id"] for row in rows]
    assert len(rows) == 2
    assert all("  alive  " in line for line in shown)


def test_audit_of_a_sound_authority(house: Path) -> None:
    done = cli("authority", "audit", *ka(house))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("2 entries, epoch 1, head ")
    bad = cli("authority", "audit", "--head", "0" * 64, *ka(house))
    assert (bad.returncode, told(bad.stderr, "authority.unknown-head")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("init", "--name", "h1"), "authority.exists"),
        (("issue", *ISSUE, "-o", "{house}/b"), "file.exists"),
        (("issue", *ISSUE, "--class", "daily", "-o", "{house}/new"), "authority.bad-request"),
        (("unwrap", "{house}/nothing", "-o", "{house}/new"), "file.unreadable"),
        (("unwrap", "{house}/agent.toml", "-o", "{house}/new"), "seal.age-header"),
        (("destroy", "nonsense", "--reason", "x"), "authority.unknown-ticket"),
        (("destroy", "x", "--reason", "x", "--manifest", "{house}/agent.toml"), "authority.bad-manifest"),
        (("withdraw", "nonsense", "--reason", "x", "-o", "{house}/new"), "authority.unknown-ticket"),
    ],
)
def test_what_is_refused_leaves_the_record_alone(house: Path, arguments: tuple[str, ...], code: str) -> None:
    before = sorted(path.name for path in (house / "ka").rglob("*"))
    done = cli("authority", *(word.format(house=house) for word in arguments), *ka(house))
    assert (done.returncode, told(done.stderr, code)) == (1, True), done.stderr
    assert sorted(path.name for path in (house / "ka").rglob("*")) == before
    assert not (house / "new").exists()


def test_no_authority_there(tmp_path: Path) -> None:
    done = cli("authority", "list", "-d", str(tmp_path / "none"))
    assert (done.returncode, told(done.stderr, "authority.missing")) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("authority",),
        ("authority", "issue", "-d", "x"),
        ("authority", "issue", "-d", "x", *ISSUE, "-o", "y", "--days", "0"),
        ("authority", "destroy", "-d", "x", "--reason", "y"),
        ("tickets", "import"),
    ],
)
def test_a_mistyped_call(arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith("usage: edgeward")


def test_import_and_status(house: Path) -> None:
    box = Box(house)
    place = ("-c", str(box.config))
    empty = cli("tickets", "status", *place)
    assert empty.returncode == 1
    assert empty.stdout.startswith("ch0: empty, 0 tickets")
    missing = cli("tickets", "import", str(house / "nothing"), *place)
    assert (missing.returncode, told(missing.stderr, "tickets.unreadable")) == (1, True)
    done = cli("tickets", "import", str(house / "b"), *place)
    assert done.returncode == 0, done.stderr
    full = cli("tickets", "status", *place)
    assert full.returncode == 0
    assert "ch0: good, 2 tickets of class recording for level 4" in full.stdout
    assert "2 of 2 left, until" in full.stdout


def test_a_box_without_an_authority(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    done = cli("tickets", "status", "-c", str(box.config))
    assert (done.returncode, told(done.stderr, "tickets.no-authority")) == (1, True)


def test_an_inner_layer_that_is_not_there(tmp_path: Path) -> None:
    box = make_box(tmp_path)
    recording = "01a20b87-3fc9-73f8-8307-89737bba7342"
    where = ("--unwrapped", str(tmp_path / "none"), "-o", str(tmp_path / "out"))
    done = cli("open", recording, "-i", str(box.custodian), *where, "-c", str(box.config), *box.access)
    assert (done.returncode, told(done.stderr, "open.no-inner")) == (1, True)


def test_a_withdrawn_ticket_reaches_the_box_before_it_is_destroyed(tmp_path: Path) -> None:
    made = cli("authority", "init", "-d", str(tmp_path / "ka"), "--name", "h1")
    box = make_box(tmp_path, extra=f'[tickets]\nauthority = "{made.stdout.strip()}"\n')
    place = ("-c", str(box.config))
    assert cli("authority", "issue", *ka(tmp_path), *ISSUE, "-o", str(tmp_path / "b")).returncode == 0
    assert cli("tickets", "import", str(tmp_path / "b"), *place).returncode == 0
    ticket = json.loads(cli("authority", "list", "--json", *ka(tmp_path)).stdout)[0]["id"]
    early = cli("authority", "destroy", ticket, "--unspent", "--reason", "stolen", *ka(tmp_path))
    assert (early.returncode, told(early.stderr, "authority.not-withdrawn")) == (1, True)
    words = ("withdraw", ticket, "--reason", "stolen", *ka(tmp_path), "-o", str(tmp_path / "list"))
    assert cli("authority", *words).returncode == 0
    for _ in range(2):  # the same list again changes nothing
        taken = cli("tickets", "import", str(tmp_path / "list"), *place)
        assert (taken.returncode, taken.stderr) == (0, "")
        assert taken.stdout.startswith("1 tickets are withdrawn")
    assert "1 of 2 left, until" in cli("tickets", "status", *place).stdout
    assert f"{ticket}  recording  level 4  withdrawn" in cli("authority", "list", *ka(tmp_path)).stdout
    gone = cli("authority", "destroy", ticket, "--unspent", "--reason", "stolen", *ka(tmp_path))
    assert gone.returncode == 0, gone.stderr
    (tmp_path / "list").write_bytes((tmp_path / "list").read_bytes().replace(ticket.encode(), b"x" * 36))
    forged = cli("tickets", "import", str(tmp_path / "list"), *place)
    assert (forged.returncode, told(forged.stderr, "tickets.forged")) == (1, True)

"""The vault's identity and lock: another disk, no disk, a second writer are noticed before any writing."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.model.errors import AgentError, Halt, Retry
from agent.vault.identity import lock_vault, open_vault
from agent.vault.layout import IDENTITY_NAME, LOCK_NAME

HOLD = (
    "import sys; from pathlib import Path; from agent.vault.identity import lock_vault;"
    "fd = lock_vault(Path(sys.argv[1])); print('locked', flush=True); sys.stdin.read()"
)


def halted(vault: Path, expected: str | None) -> Halt:
    with pytest.raises(Halt) as caught:
        open_vault(vault, expected, "new")
    return caught.value


def test_a_first_start_makes_a_vault(tmp_path: Path) -> None:
    vault = tmp_path / "vault"
    assert open_vault(vault, None, "id-1") == "id-1"
    assert sorted(path.name for path in vault.iterdir()) == [
        "ledger",
        "quarantine",
        "recordings",
        "vault.json",
    ]
    assert json.loads((vault / IDENTITY_NAME).read_text()) == {"v": 1, "id": "id-1"}
    for folder in ("ledger", "quarantine", "recordings"):
        assert (vault / folder).stat().st_mode & 0o777 & ~0o750 == 0


def test_the_same_vault_is_known_again(tmp_path: Path) -> None:
    open_vault(tmp_path, None, "id-1")
    assert open_vault(tmp_path, "id-1", "id-2") == "id-1"


def test_a_start_that_broke_off_before_the_id_was_remembered_goes_on(tmp_path: Path) -> None:
    open_vault(tmp_path, None, "id-1")
    assert open_vault(tmp_path, None, "id-2") == "id-1"


def test_a_disk_that_is_not_mounted_is_noticed_and_nothing_is_written_there(tmp_path: Path) -> None:
    error = halted(tmp_path, "id-1")
    assert error.code == "vault.missing"
    assert error.text == f"the vault of this box is not at {tmp_path}"
    assert error.advice.startswith("mount its disk")
    assert list(tmp_path.iterdir()) == []


def test_another_boxes_vault_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_vault(tmp_path, None, "id-1")
    before = (tmp_path / IDENTITY_NAME).read_bytes()
    error = halted(tmp_path, "id-2")
    assert error.code == "vault.foreign"
    assert error.text == f"the vault at {tmp_path} belongs to another box or an earlier set-up"
    assert (tmp_path / IDENTITY_NAME).read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"3", b'"id"', b"{", b"\xff\xfe\x00", b'{"v":1,"id":null}', b'{"v":1,"id":3}'],
)
@pytest.mark.parametrize("expected", [None, "id-1"])
def test_a_damaged_identity_is_not_overwritten(tmp_path: Path, content: bytes, expected: str | None) -> None:
    (tmp_path / IDENTITY_NAME).write_bytes(content)
    error = halted(tmp_path, expected)
    assert error.code == "vault.bad-identity"
    assert error.text == f"{tmp_path / IDENTITY_NAME} is damaged"
    assert (tmp_path / IDENTITY_NAME).read_bytes() == content


def test_a_vault_that_can_not_be_made_is_an_error_with_a_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AgentError) as caught:
        open_vault(tmp_path / "file" / "vault", None, "id-1")
    assert caught.value.code == "disk.error"


def test_a_second_process_can_not_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdin is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(Retry) as caught:
            lock_vault(tmp_path)
        holder.stdin.close()
        assert holder.wait(10) == 0
    assert (caught.value.code, caught.value.after_s) == ("vault.locked", 0.2)
    assert caught.value.text == f"another agent is still writing to {tmp_path}"
    os.close(lock_vault(tmp_path))


def test_the_lock_lasts_as_long_as_any_child_that_inherited_it(tmp_path: Path) -> None:
    ours = lock_vault(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=(ours,)
    ) as child:
        os.close(ours)
        with pytest.raises(Retry, match=r"vault\.locked"):
            lock_vault(tmp_path)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(10) == 0
    os.close(lock_vault(tmp_path))


def test_a_refused_lock_leaks_no_descriptor(tmp_path: Path) -> None:
    ours = lock_vault(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(Retry):
            lock_vault(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    os.close(ours)


def test_the_lock_is_not_inherited_by_accident(tmp_path: Path) -> None:
    ours = lock_vault(tmp_path)
    assert fcntl.fcntl(ours, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    os.close(ours)


def test_a_vault_without_a_directory_can_not_be_locked(tmp_path: Path) -> None:
    with pytest.raises(Halt) as caught:
        lock_vault(tmp_path / "nothing")
    assert caught.value.code == "disk.error"
    assert LOCK_NAME in caught.value.text

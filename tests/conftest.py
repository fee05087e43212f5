"""Shared rules of all tests: programs that a test needs, and no network but loopback.

A test that needs a system program says so with `@pytest.mark.requires("age")`. Without the program it
is skipped by name; where CI=true such a skip is a failure, because CI installs them all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# Where `edgeward models install --models build/models` puts them for tests.
MODELS = Path(__file__).resolve().parents[1] / "build" / "models"


def _has_rtsp_server() -> bool:
    code = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
    python = "/usr/bin/python3"
    return (
        os.access(python, os.X_OK)
        and subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0
    )


def _can_mount() -> bool:
    """True when a small disk of our own can be mounted, to be filled up or made read-only."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True, check=False
        )
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return mounted.returncode == 0


def _has_node_packages() -> bool:
    """True when `tests/tools/install-programs` could install tests/tools/npm."""
    installed = Path(__file__).parent / "tools" / "npm" / "node_modules" / ".installed-lock"
    return installed.exists() and _on_path("node")()


def _on_path(program: str) -> Callable[[], bool]:
    path = os.environ.get("PATH", "") + ":/usr/sbin"
    return lambda: shutil.which(program, path=path) is not None


_KNOWN: dict[str, Callable[[], bool]] = {
    "age": _on_path("age"),
    "ffmpeg": _on_path("ffmpeg"),
    "gst-rtsp-server": _has_rtsp_server,
    "mosquitto": _on_path("mosquitto"),
    "mount (as root)": _can_mount,
    "chromium": _on_path("chromium"),
    "node packages": _has_node_packages,
    "systemd-analyze": _on_path("systemd-analyze"),
    "tesseract": _on_path("tesseract"),
    "text model": lambda: (MODELS / "pp-ocr-det-6.onnx").is_file(),
}
_found: dict[str, bool] = {}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("requires"):
        for program in mark.args:
            if program not in _found:
                _found[program] = _KNOWN[program]()
            if _found[program]:
                continue
            if os.environ.get("CI") == "true":
                pytest.fail(f"{program} is missing: install it (see tests/tools/system-packages)")
            pytest.skip(f"needs {program}, which is not installed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills", type=int, default=6, help="kills of each kind in the kill loop (Must show: 50)"
    )
    parser.addoption(
        "--soak-minutes", type=float, default=3.0, help="media minutes of the soak (Must show: 60)"
    )

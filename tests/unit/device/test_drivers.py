"""Every driver is listed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from agent.device import drivers

HELPERS = {"__init__", "demux", "picture", "timestamps"}


def test_every_driver_file_is_listed_and_can_be_imported() -> None:
    folder = Path(str(drivers.__file__)).parent
    files = {path.stem for path in folder.glob("*.py")} - HELPERS
    assert files == {kind for _, kind, _ in drivers.DRIVERS}
    for _, kind, module in drivers.DRIVERS:
        assert module == f"agent.device.drivers.{kind}"
        assert hasattr(import_module(module), "open_source")

"""The console's file `console.toml` (docs/console.md): text in, frozen models out.

Guarantees: strict types, unknown keys refused, every problem at once and none quotes a value; without TLS
the console listens on this machine alone. Leaves out reading files and secrets.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.formats.config_model import StrictModel
from agent.formats.config_operators import OperatorConfig, broken_operators
from agent.formats.config_v1 import AbsolutePath, MqttConfig
from agent.formats.config_witness import NAME_PATTERN
from agent.formats.controller_file import parse_file
from agent.formats.witness_config_v1 import EnrolledBox


class ConsoleTable(StrictModel):
    """Who this console is and where people reach it."""

    name: str = Field(pattern=NAME_PATTERN, description="Also part of its MQTT client id.")
    site: str = Field(min_length=1, max_length=100, description="Shown on every page.")
    listen: str = Field(default="127.0.0.1", description="An address of this machine.")
    port: int = Field(default=8443, ge=0, le=65535, description="0: any free one.")
    cert_file: AbsolutePath | None = Field(default=None, description="TLS; needed unless on loopback.")
    key_file: AbsolutePath | None = None
    database: AbsolutePath = Field(description="A file on a local disk; made when absent.")
    metrics_token_file: str | None = Field(default=None, description="For /metrics from elsewhere.")

    @property
    def tls(self) -> bool:
        """True with a certificate."""
        return self.cert_file is not None

    @model_validator(mode="after")
    def _no_secret_in_clear(self) -> Self:
        try:
            loopback = ip_address(self.listen).is_loopback
        except ValueError:
            raise ValueError("listen is an IP address such as 127.0.0.1 or 10.1.2.3") from None
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file belong together")
        if not loopback and self.cert_file is None:
            raise ValueError("passwords would cross the network in clear: give cert_file and key_file")
        return self


class SessionTable(StrictModel):
    """How long somebody stays logged in."""

    idle_minutes: int = Field(default=30, ge=1, le=720)
    hours: int = Field(default=12, ge=1, le=24)


class LimitTable(StrictModel):
    """What bounds memory and disk."""

    boxes: int = Field(default=2000, ge=1, le=20_000)
    history_days: int = Field(default=90, ge=1, le=3650, description="Minutes, events, closed alarms.")
    rows: int = Field(default=20_000_000, ge=10_000, description="Most rows of measurements.")


class WitnessTable(StrictModel):
    """The witness that the console runs with a key of its own (docs/formats/witness-v1.md)."""

    name: str = Field(pattern=NAME_PATTERN)
    state_dir: AbsolutePath
    key_file: AbsolutePath


def _different(boxes: tuple[EnrolledBox, ...]) -> tuple[EnrolledBox, ...]:
    if len({box.id for box in boxes}) != len(boxes):
        raise ValueError("two boxes have the same id")
    return boxes


class ConsoleConfig(StrictModel):
    """The whole file."""

    console: ConsoleTable
    mqtt: MqttConfig
    session: SessionTable = Field(default_factory=SessionTable)
    limits: LimitTable = Field(default_factory=LimitTable)
    operator: tuple[OperatorConfig, ...] = Field(default=(), strict=False)
    box: Annotated[tuple[EnrolledBox, ...], AfterValidator(_different)] = Field(default=(), strict=False)
    witness: WitnessTable | None = None

    @model_validator(mode="after")
    def _a_witness_knows_its_boxes(self) -> Self:
        if self.witness is not None and not self.box:
            raise ValueError("a witness needs [[box]] tables with the keys of the boxes")
        return self


def parse(text: str) -> ConsoleConfig | tuple[str, ...]:
    """The file, or every problem in it as `key: text`."""
    return parse_file(text, ConsoleConfig, broken_operators)

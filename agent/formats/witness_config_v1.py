"""The witness's file `witness.toml`, version 1 (docs/formats/witness-v1.md): text in, frozen models out.

Guarantees: strict types, unknown keys refused, every problem at once; enrolled keys are the keys of the
boxes that they stand beside. Leaves out reading files and secrets, and `agent.toml` (`config_v1.py`).
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from agent.formats.config_model import StrictModel
from agent.formats.config_v1 import AbsolutePath, MqttConfig
from agent.formats.config_witness import NAME_PATTERN
from agent.formats.controller_file import parse_file
from agent.formats.ledger_v1 import origin
from agent.formats.signed_note import parse_vkey
from agent.model.errors import Refuse
from agent.model.ids import BOX_PATTERN


class WitnessProgram(StrictModel):
    """Who this witness is."""

    name: str = Field(pattern=NAME_PATTERN, description="Also part of its MQTT client id and status topic.")
    state_dir: AbsolutePath = Field(description="One file per box; never on a machine of a box.")
    key_file: AbsolutePath = Field(description="From `edgeward witness key`.")


class EnrolledBox(StrictModel):
    """A box whose ledger is cosigned."""

    id: str = Field(pattern=BOX_PATTERN)
    key: str = Field(description="The line of the box's signing.vkey, as read at enrolment.")

    @model_validator(mode="after")
    def _its_own_key(self) -> Self:
        try:
            name, _ = parse_vkey(self.key)
            expected = origin(self.id)
        except Refuse as error:
            raise ValueError(f"{error.text}: {error.advice}") from error
        if name != expected:
            raise ValueError(f"this is the key of {name}, not of {expected}")
        return self


def _different(boxes: tuple[EnrolledBox, ...]) -> tuple[EnrolledBox, ...]:
    if len({box.id for box in boxes}) != len(boxes):
        raise ValueError("two boxes have the same id")
    return boxes


class WitnessFile(StrictModel):
    """The whole file."""

    witness: WitnessProgram
    mqtt: MqttConfig
    box: Annotated[tuple[EnrolledBox, ...], AfterValidator(_different), Field(min_length=1, strict=False)]


def parse(text: str) -> WitnessFile | tuple[str, ...]:
    """The file, or every problem in it as `key: text`. No problem quotes a value of the file."""
    return parse_file(text, WitnessFile)

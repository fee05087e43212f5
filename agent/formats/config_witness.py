"""The `[[witness]]` tables of `agent.toml`: who cosigns this box's checkpoints (docs/formats/witness-v1.md).

Guarantees: a key that is accepted is a C2SP witness's Ed25519 verifier key; names are fit for file names and
each occurs once, as does each key. Leaves out everything else of the file (`config_v1.py`).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from agent.formats.config_model import StrictModel
from agent.formats.signed_note import COSIGNATURE, parse_vkey
from agent.model.errors import Refuse

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,31}$"
MOST_WITNESSES = 8


def _key(text: str) -> str:
    try:
        parse_vkey(text, COSIGNATURE)
    except Refuse as error:
        raise ValueError(f"{error.text}: {error.advice}") from error
    return text


class WitnessConfig(StrictModel):
    """A witness whose cosignatures count."""

    name: str = Field(pattern=NAME_PATTERN, description="How this box calls it, in files and messages.")
    key: Annotated[str, AfterValidator(_key)] = Field(
        description="Its verifier key: the line that `edgeward witness key` printed."
    )


def _different(witnesses: tuple[WitnessConfig, ...]) -> tuple[WitnessConfig, ...]:
    for field in ("name", "key"):
        if len({getattr(one, field) for one in witnesses}) != len(witnesses):
            raise ValueError(f"two witnesses have the same {field}: give each its own")
    return witnesses


Witnesses = Annotated[
    tuple[WitnessConfig, ...],
    AfterValidator(_different),
    Field(max_length=MOST_WITNESSES, strict=False),
]

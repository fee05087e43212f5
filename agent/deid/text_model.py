"""The text model and the settings it is used with: literal values (docs/deid.md, Text).

Guarantees: nothing is computed here. The model runs as it comes out of its wheel, so its prepared bytes are
the archive's. Leaves out installing and loading (`models.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.deid.models import PinnedModel


def prepare_text(model: bytes) -> bytes:
    """The same bytes: its sizes are free and its constants constant already."""
    return model


TEXT = PinnedModel(
    name="pp-ocr-det",
    version="v6-small-rapidocr-3.10.0",
    requirement="rapidocr==3.10.0",
    wheel="rapidocr-3.10.0-py3-none-any.whl",
    wheel_hash="2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",
    member="rapidocr/models/PP-OCRv6_det_small.onnx",
    member_hash="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    file="pp-ocr-det-6.onnx",
    file_hash="090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    licence="Apache-2.0",
    prepare=prepare_text,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextProfile:
    """How text is looked for: each `every_s` seconds, on a picture scaled to each of `sides` (the longer side
    in pixels); a box begins `before_s` before it was first found and stays `after_s` after it was last found.
    """

    name: str
    sides: tuple[int, ...]
    every_s: float
    before_s: float
    after_s: float


# Thin letters on a black picture are found at 640 and missed at 960 and above; small ones on tissue the other
# way round: docs/deid.md, Text, has the table.
TEXT_PROFILES = (
    TextProfile(name="live", sides=(960,), every_s=2.0, before_s=2.0, after_s=6.0),
    TextProfile(name="careful", sides=(640, 960), every_s=1.0, before_s=1.0, after_s=3.0),
)


def text_profile(name: str) -> TextProfile:
    """The profile that belongs to the detector profile `name` of a policy; `KeyError` for another name."""
    return {profile.name: profile for profile in TEXT_PROFILES}[name]

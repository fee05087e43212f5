"""CenterFace on onnxruntime: where faces are on one picture, and nothing about whose they are.

Guarantees: boxes only; the model's landmark head is cut away when the model is prepared. One thread. What
the runtime can't do is `Refuse` `deid.detector`. `decode` and `suppressed` are pure. Leaves out tracks and
hold times.

Source of the decoding: Y. Xu, W. Yan, H. Sun, G. Yang, J. Luo, "CenterFace: Joint Face Detection and
Alignment Using Face as Point", arXiv:1911.03599, section 3: one cell of each head stands for 4 by 4 pixels
of the input; the heat map is the score of a face's centre, the offset is added to the cell's middle, the
size is the exponential of the scale in cells, each with the vertical before the horizontal. The input is
RGB, 0 to 255, no mean taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.detector_profiles import DetectorProfile
from agent.deid.onnx_session import BROKEN, open_session
from agent.model.errors import Refuse

# Heat map, scale and offset of the model as it was exported; 540, the landmarks, is not wanted.
OUTPUTS = ("537", "538", "539")
_INPUT = "input.1:picture"
_STRIDE = 4
_SAME_FACE = 0.3  # intersection over union
# exp(8) cells are 12 000 pixels: a larger box is none, and its exponential might be infinite.
_LARGEST_SCALE = 8.0
Heads = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Face:
    """A face on one picture and how sure the model is, 0 to 1."""

    box: Box
    score: float


class FaceDetector(Protocol):
    """Finds faces. `AgentError`: this picture could not be looked at, and must be taken for full of faces."""

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces on `rgb` (height, width, 3; sides as `input_size` gives them), boxes in its pixels."""
        ...


class CenterFace:
    """The detector over `model`, the bytes of a prepared model whose hash was checked."""

    def __init__(self, model: bytes, profile: DetectorProfile) -> None:
        try:
            self._session = open_session(model)
        except BROKEN as error:
            raise _refused("can't be loaded", error) from None
        self._threshold = profile.threshold

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
        """See `FaceDetector`."""
        try:
            heat, scale, offset = self._session.run(list(OUTPUTS), {_INPUT: rgb[None]})
        except BROKEN as error:
            raise _refused("failed on a picture", error) from None
        return suppressed(decode(heat, scale, offset, self._threshold))


def decode(heat: Heads, scale: Heads, offset: Heads, threshold: float) -> tuple[Face, ...]:
    """Each cell with a score above `threshold`, as a face. Raises `Refuse` `deid.detector` for no numbers."""
    if not all(np.isfinite(head).all() for head in (heat, scale, offset)):
        raise Refuse(
            "deid.detector", "the face detector gave no numbers", "check the processor and the model"
        )
    faces = []
    for row, column in zip(*np.nonzero(heat[0, 0] > threshold), strict=True):
        height, width = (
            _STRIDE * float(np.exp(np.minimum(part[row, column], _LARGEST_SCALE))) for part in scale[0]
        )
        down, across = (float(part[row, column]) for part in offset[0])
        x, y = _STRIDE * (column + across + 0.5), _STRIDE * (row + down + 0.5)
        box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        faces.append(Face(box, float(heat[0, 0, row, column])))
    return tuple(faces)


def suppressed(faces: tuple[Face, ...]) -> tuple[Face, ...]:
    """Non-maximum suppression: surest first, without those that overlap a surer one by 0.3 or more."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if all(overlap_share(face.box, other.box) < _SAME_FACE for other in kept):
            kept.append(face)
    return tuple(kept)


def overlap_share(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    if across <= 0 or down <= 0:
        return 0.0
    shared = across * down
    return shared / (one.width * one.height + other.width * other.height - shared)


def _refused(what: str, error: Exception) -> Refuse:
    return Refuse(
        "deid.detector",
        f"the face detector {what}: {type(error).__name__}",
        "check the free memory; run edgeward models install again",
    )

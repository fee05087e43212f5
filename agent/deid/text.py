"""The PP-OCR v6 text detector on onnxruntime: where writing stands on a picture, never what it says.

Guarantees: boxes only, nothing is read. One thread. What the runtime can't do, and an answer that is no
probability map, is `Refuse` `deid.text-detector`. `boxes_of` is pure. Leaves out how often to look and how
long a box stays (`text_watch.py`), and fixed zones (`text_rules.py`).

Source of the decoding: M. Liao, Z. Wan, C. Yao, K. Chen, X. Bai, "Real-time Scene Text Detection with
Differentiable Binarization", arXiv:1911.08947, section 3.5: the network's map is the probability that a
pixel belongs to the shrunken core of a line of text; the map is cut at a constant, each connected part is a
core, and the line is the core grown on all sides by D = area * r / perimeter. Here a core is taken for its
upright rectangle, because masks are upright, and everything errs on the large side: a lower cut, a larger r.
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.deid.boxes import Box
from agent.deid.onnx_session import BROKEN, open_session
from agent.model.errors import Refuse

_INPUT = "x"
# Probability of a pixel from which on it belongs to a core; the paper's inference takes 0.2.
_CUT = 0.2
# Mean probability of a core from which on it is text.
_SURE = 0.35
# r of the paper, which takes 1.5: what is lost by masking too much is less than a first letter.
_UNCLIP = 2.2
# Cores smaller than this many pixels of the input's area are noise of one cell of the map.
_LEAST_AREA = 6
# More lines than any screen shows: such a map is a defect, and the picture is taken for full of text.
_MOST = 1000


class TextDetector(Protocol):
    """Finds writing. `AgentError`: this picture could not be looked at, and must be taken for full of it."""

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Box, ...]:
        """Boxes around the writing on `rgb` (height, width, 3; sides as `input_size` gives them)."""
        ...


class PpOcr:
    """The detector over `model`, the bytes of a model whose hash was checked."""

    def __init__(self, model: bytes) -> None:
        try:
            self._session = open_session(model)
        except BROKEN as error:
            raise _refused("can't be loaded", type(error).__name__) from None

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Box, ...]:
        """See `TextDetector`."""
        bgr = rgb[:, :, ::-1].transpose(2, 0, 1)[None]
        blob = np.ascontiguousarray(bgr, dtype=np.float32) / 127.5 - 1
        try:
            (found,) = self._session.run(None, {_INPUT: blob})
        except (*BROKEN, ValueError) as error:
            raise _refused("failed on a picture", type(error).__name__) from None
        if found.ndim != 4 or found.shape[2:] != rgb.shape[:2]:
            raise _refused("gave no map of the picture", str(found.shape))
        return boxes_of(found[0, 0])


def boxes_of(chances: NDArray[np.float32]) -> tuple[Box, ...]:
    """The lines of text in a map of probabilities, one box each, in its pixels; they may reach outside.

    Raises `Refuse` `deid.text-detector` for no numbers and for more lines than there can be.
    """
    if not np.isfinite(chances).all():
        raise _refused("gave no numbers", "not finite")
    core = (chances > _CUT).astype(np.uint8)
    count, labels, parts, _ = cv2.connectedComponentsWithStats(core, connectivity=8)
    if count > _MOST:
        raise _refused("found text everywhere", f"{count - 1} lines")
    sums = np.bincount(labels.ravel(), weights=chances.ravel(), minlength=count)
    boxes = []
    for number in range(1, count):  # 0 is all that is no core
        left, top, width, height, area = (int(value) for value in parts[number])
        if area >= _LEAST_AREA and sums[number] / area >= _SURE:
            grown = width * height * _UNCLIP / (2 * (width + height))
            boxes.append(Box(left - grown, top - grown, left + width + grown, top + height + grown))
    return tuple(boxes)


def _refused(what: str, why: str) -> Refuse:
    return Refuse(
        "deid.text-detector",
        f"the text detector {what}: {why}",
        "check the free memory; run edgeward models install again",
    )

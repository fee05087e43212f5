"""A picture as 8 by 5 blocks of grey: enough to see that a camera looks at a bright room, too coarse for
anybody in it.

Guarantees: pure; 40 numbers of four bits leave, each the mean of 1/40 of the area, so that neither a face
that fills the picture nor a letter has a shape; never made for level 5. Portraits of about 16 by 16 blocks
can still be recognised by who knows the person (Harmon and Julesz, Science 180, 1973): hence so few.
Leaves out which picture (`key_pictures.py`) and where it goes: RAM and the report of a visit
(docs/formats/check-report-v1.md), never the vault.
"""

from __future__ import annotations

import cv2
import numpy as np

from agent.capture.picture import Plane

COLUMNS, ROWS = 8, 5
# STD 5.3: what is sealed most strongly leaves no trace at all outside of its seal.
HIGHEST_LEVEL = 4
# A level for whoever does not know one: no picture is made.
NO_PICTURE = HIGHEST_LEVEL + 1
_DIGITS = "0123456789abcdef"


def coarse(luma: Plane, level: int) -> str | None:
    """One hexadecimal digit for each block, row by row, 0 black to f white; None above `HIGHEST_LEVEL`.

    `luma` is a whole picture in full range, at least as large as the grid (`picture.small_luma`).
    """
    if level > HIGHEST_LEVEL or luma.shape[0] < ROWS or luma.shape[1] < COLUMNS:
        return None
    blocks = cv2.resize(luma, (COLUMNS, ROWS), interpolation=cv2.INTER_AREA)
    return "".join(_DIGITS[value] for value in (np.asarray(blocks, np.uint8) >> 4).ravel().tolist())

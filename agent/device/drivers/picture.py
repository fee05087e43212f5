"""The synthetic picture: colour bars, moving parts, a big frame counter and a clock; and what can be wrong
with it: black, a hand over the lens, out of focus, a "no signal" card.

Guarantees: pure and deterministic: the same number and text give the same bytes; works for every even
size from 32x32 up. The result is one YUV 4:2:0 picture as PyAV takes it (`yuv420p`, limited range).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

# Y, U, V of 75 % colour bars (BT.601): white, yellow, cyan, green, magenta, red, blue, black.
_BARS = (
    (180, 128, 128), (162, 44, 142), (131, 156, 44), (112, 72, 58),
    (84, 184, 198), (65, 100, 212), (35, 212, 114), (16, 128, 128),
)  # fmt: skip
_WHITE = 235
_BLACK = 16
# Y, U, V of the plain cards (BT.601).
CARDS = {"blue": (41, 240, 110), "white": (235, 128, 128)}
_GLYPH_HEIGHT = 7
_GLYPH_PITCH = 6
_FONT = {
    "0": (14, 17, 19, 21, 25, 17, 14), "1": (4, 12, 4, 4, 4, 4, 14), "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14), "4": (2, 6, 10, 18, 31, 2, 2), "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14), "7": (31, 1, 2, 4, 8, 8, 8), "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12), ":": (0, 4, 4, 0, 4, 4, 0), "-": (0, 0, 0, 31, 0, 0, 0),
    ".": (0, 0, 0, 0, 0, 4, 4), "#": (10, 10, 31, 10, 31, 10, 10), "A": (14, 17, 17, 31, 17, 17, 17),
    "C": (14, 17, 16, 16, 16, 17, 14), "D": (28, 18, 17, 17, 17, 18, 28), "E": (31, 16, 16, 30, 16, 16, 31),
    "G": (14, 17, 16, 23, 17, 17, 14), "L": (16, 16, 16, 16, 16, 16, 31),
    "H": (17, 17, 17, 31, 17, 17, 17), "I": (14, 4, 4, 4, 4, 4, 14), "N": (17, 25, 21, 19, 17, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14), "P": (30, 17, 17, 30, 16, 16, 16), "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4), "U": (17, 17, 17, 17, 17, 17, 14), "Y": (17, 17, 10, 4, 4, 4, 4),
    "Z": (31, 1, 2, 4, 8, 16, 31),
}  # fmt: skip
_OVERLAY = "SYNTHETIC - NO PATIENT"


class Painter:
    """Paints pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        if width < 32 or height < 32 or width % 2 or height % 2:
            raise ValueError("width and height must be even and at least 32")
        self.width = width
        self.height = height
        self._background = np.concatenate(
            [_bars(width, height, 0).ravel()]
            + [_bars(width // 2, height // 2, plane).ravel() for plane in (1, 2)]
        )
        self._scale = max(1, min(width // 160, height // 60))
        self._label(self._background, _OVERLAY, height - 9 * self._scale)

    def picture(self, number: int, clock: str) -> Plane:
        """Picture `number` with the text `clock`, shape (height * 3 / 2, width)."""
        flat = self._background.copy()
        luma = flat[: self.width * self.height].reshape(self.height, self.width)
        side = max(8, self.height // 8)
        x = number * max(1, self.width // 100) % (self.width - side)
        y = self.height * 5 // 8
        luma[y : y + side, x : x + side] = _WHITE if number % 2 else 128
        self._label(flat, f"#{number:07d}", self.height // 8, zoom=2)
        self._label(flat, clock, self.height * 3 // 8)
        return flat.reshape(self.height * 3 // 2, self.width)

    def black(self) -> Plane:
        """A black picture."""
        flat = np.full(self.width * self.height * 3 // 2, 128, np.uint8)
        flat[: self.width * self.height] = _BLACK
        return flat.reshape(self.height * 3 // 2, self.width)

    def card(self, kind: str) -> Plane:
        """What a grabber shows without a signal: a blue or white screen with text, or plain `bars`."""
        planes = [_bars(self.width, self.height, 0)]
        planes += [_bars(self.width // 2, self.height // 2, plane) for plane in (1, 2)]
        if kind != "bars":
            for plane, value in zip(planes, CARDS[kind], strict=True):
                plane[:] = value
        flat = np.concatenate([plane.ravel() for plane in planes])
        if kind == "blue":
            self._label(flat, "NO SIGNAL", self.height // 2)
        return flat.reshape(self.height * 3 // 2, self.width)

    def covered(self, number: int) -> Plane:
        """A hand over the lens: dark, without detail, reddish, light at one rim; it moves a little."""
        across = np.linspace(0, 1, self.width)
        rim = 150 * np.clip(across - 0.94, 0, None) / 0.06
        down = np.linspace(0, 24, self.height)[:, None]
        luma = 34 + 30 * np.sin(2 * across + number / 40) ** 2 + rim + down
        flat = np.full(self.width * self.height * 3 // 2, 128, np.uint8)
        flat[: luma.size] = np.clip(luma, _BLACK, _WHITE).astype(np.uint8).ravel()
        flat[luma.size * 5 // 4 :] = 150
        return flat.reshape(self.height * 3 // 2, self.width)

    def defocused(self, picture: Plane, thousandths: int) -> Plane:
        """`picture` with every point spread by so many thousandths of the width (standard deviation)."""
        spread = self.width * thousandths / 1000
        luma = picture[: self.height].astype(np.float32)
        # Three averages in a row are nearly a Gaussian; each over `side` samples has (side^2 - 1) / 12.
        side = max(3, round((4 * spread * spread + 1) ** 0.5) | 1)
        for _ in range(3):
            luma = _averaged(_averaged(luma, side).T, side).T
        blurred = picture.copy()
        blurred[: self.height] = np.rint(luma).astype(np.uint8)
        return blurred

    def _label(self, flat: Plane, text: str, y: int, zoom: int = 1) -> None:
        """Writes `text` white on black, cut at the right edge."""
        luma = flat[: self.width * self.height].reshape(self.height, self.width)
        dots = np.kron(_text(text), np.ones((self._scale * zoom,) * 2, np.uint8))
        x = 2 * self._scale
        part = dots[: max(0, self.height - y), : self.width - x]
        luma[y : y + part.shape[0], x : x + part.shape[1]] = _BLACK + part * (_WHITE - _BLACK)


def _averaged(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Each row averaged over `side` neighbours; the border repeats."""
    padded = np.pad(values, ((0, 0), (side // 2 + 1, side // 2)), mode="edge").astype(np.float64)
    summed = np.cumsum(padded, axis=1)
    return np.asarray((summed[:, side:] - summed[:, :-side]) / side, np.float32)


def _bars(width: int, height: int, plane: int) -> Plane:
    values = np.array([bar[plane] for bar in _BARS], np.uint8)
    row = values[np.arange(width) * len(_BARS) // width]
    return np.broadcast_to(row, (height, width)).copy()


def _text(text: str) -> Plane:
    """The dots of `text`, 0 or 1; a character without a glyph is a space."""
    dots = np.zeros((_GLYPH_HEIGHT, _GLYPH_PITCH * len(text)), np.uint8)
    for index, character in enumerate(text):
        for row, bits in enumerate(_FONT.get(character, ())):
            for column in range(5):
                dots[row, index * _GLYPH_PITCH + column] = bits >> (4 - column) & 1
    return dots

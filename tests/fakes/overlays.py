"""Writing over pictures as devices burn it in: Chinese and English, on black and on something like tissue.

The same number gives the same picture. The font is the one that OpenCV brings (`uni`), so that no other has
to be installed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1920, 1080
SIZES = (14, 16, 18, 20, 24, 28, 32, 36)
LANGUAGES = ("zh", "en")
GROUNDS = ("black", "tissue")
Rgb = NDArray[np.uint8]
_FAMILY = "张王李赵陈刘杨黄周吴徐孙马朱胡林郭何高罗"
_GIVEN = ("建国", "秀英", "伟", "芳", "志强", "桂兰", "海燕", "文静", "明", "春梅", "国庆", "丽华")
_HOSPITALS = ("市第一人民医院", "中心医院内镜中心", "附属妇产科医院", "省肿瘤医院手术室")
_FIRST = ("ANNA", "PETER", "MARIA", "JOHN", "LINDA", "OMAR", "CHEN WEI", "SOFIA", "IVAN", "GRACE")
_LAST = ("MUELLER", "SMITH", "KOWALSKI", "ROSSI", "TANAKA", "GARCIA", "BROWN", "NOVAK", "DUBOIS", "LARSEN")
_COLOURS = ((255, 255, 255), (255, 255, 0), (0, 255, 0), (0, 255, 255), (230, 230, 230))


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """One picture with one line. `ink`: where the line changed it. `size`: the font's in pixels."""

    picture: Rgb
    ink: NDArray[np.bool_]
    text: str
    size: int
    language: str
    ground: str


def overlay(number: int) -> Overlay:
    """Sizes, languages and grounds take turns; place, words and colour are drawn."""
    draw = np.random.default_rng([8, number])
    size = SIZES[number % len(SIZES)]
    language = LANGUAGES[number // len(SIZES) % 2]
    ground = GROUNDS[number // (2 * len(SIZES)) % 2]
    text = _chinese(draw) if language == "zh" else _english(draw)
    before = _tissue(draw) if ground == "tissue" else np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    font = cv2.FontFace("uni")
    (_, _, width, _) = cv2.getTextSize((WIDTH, HEIGHT), text, (0, 0), font, size)
    left = int(draw.integers(10, max(11, WIDTH - width - 10)))
    bottom = int(draw.integers(2 * size, HEIGHT - size))
    colour = _COLOURS[int(draw.integers(len(_COLOURS)))]
    after = before.copy()
    if ground == "tissue" and number % 3 == 0:  # many devices draw a dark edge around letters
        for across, down in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            cv2.putText(after, text, (left + across, bottom + down), (0, 0, 0), font, size)
    cv2.putText(after, text, (left, bottom), colour, font, size)
    ink = np.asarray((np.abs(after.astype(int) - before) > 24).any(axis=2))
    return Overlay(picture=after, ink=ink, text=text, size=size, language=language, ground=ground)


def _chinese(draw: np.random.Generator) -> str:
    name = _FAMILY[int(draw.integers(len(_FAMILY)))] + _GIVEN[int(draw.integers(len(_GIVEN)))]
    number = int(draw.integers(100_000, 999_999))
    forms = (
        f"姓名：{name} 男 {number % 90}岁",
        f"患者{name} 住院号{number}",
        f"{_HOSPITALS[number % len(_HOSPITALS)]} {name}",
        f"检查日期2026年{number % 12 + 1}月{number % 28 + 1}日 {name}",
    )
    return forms[int(draw.integers(len(forms)))]


def _english(draw: np.random.Generator) -> str:
    first, last = _FIRST[int(draw.integers(len(_FIRST)))], _LAST[int(draw.integers(len(_LAST)))]
    number = int(draw.integers(100_000, 999_999))
    forms = (
        f"Name: {last}, {first}",
        f"ID {number} {first} {last}",
        f"{number % 28 + 1:02}/{number % 12 + 1:02}/2026 {number % 24:02}:{number % 60:02} {last}",
        f"Patient {first} {last} MRN{number}",
    )
    return forms[int(draw.integers(len(forms)))]


def _tissue(draw: np.random.Generator) -> Rgb:
    """Soft reds with folds, vessels and wet highlights; no picture of anybody."""
    coarse = draw.normal(0, 1, (9, 16, 1)).astype(np.float32)
    fine = draw.normal(0, 1, (54, 96, 1)).astype(np.float32)
    folds = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(fine, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    base = np.array([165.0, 70.0, 62.0], np.float32)
    picture = base + folds[..., None] * (28, 20, 18) + grain[..., None] * (9, 8, 7)
    for _ in range(12):
        x, y = int(draw.integers(WIDTH)), int(draw.integers(HEIGHT))
        points = np.cumsum(draw.normal(0, 60, (8, 2)), axis=0) + np.array([x, y])
        vessel = [points.astype(np.int32)]
        cv2.polylines(picture, vessel, False, (120.0, 25.0, 30.0), int(draw.integers(2, 7)), cv2.LINE_AA)
    for _ in range(25):
        x, y = int(draw.integers(WIDTH)), int(draw.integers(HEIGHT))
        axes = (int(draw.integers(3, 30)), int(draw.integers(2, 12)))
        cv2.ellipse(picture, (x, y), axes, float(draw.integers(180)), 0, 360, (250.0, 240.0, 235.0), -1)
    blurred = cv2.GaussianBlur(picture, (5, 5), 0)
    grainy: Rgb = np.clip(blurred + draw.normal(0, 3, blurred.shape), 0, 255).astype(np.uint8)
    return grainy

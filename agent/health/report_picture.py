"""Masked pictures of a report as drawings on its page. Pure.

Guarantees: inline SVG of grey blocks made from digits, nothing else of the report gets into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from agent.formats.check_report_v1 import MASKED_COLUMNS, MASKED_ROWS, Masked
from agent.health.words.sentences import Language

STYLE = """
.pictures { display: flex; flex-wrap: wrap; gap: 3mm; margin: 2mm 0 } figure { margin: 0; width: 33mm }
figure svg { width: 33mm; height: auto; display: block; border: .4pt solid #57606a }
figcaption { font-size: 8.5pt; color: #57606a }
"""
# A digit repeated is its grey: 0 is #000, f is #fff.
_DIGITS_OF_GREY = 3
# The blocks together are drawn as wide to high as nearly all sources are.
_WIDTH, _HEIGHT = 16, 9


def pictures(masked: tuple[Masked, ...], words: Language) -> Iterator[str]:
    """The section of the page; nothing without pictures."""
    if not masked:
        return
    yield f"<h2>{escape(words.labels['pictures'])}</h2>"
    yield f'<p class="small">{escape(words.labels["masked"])}</p><div class="pictures">'
    for one in masked:
        yield f"<figure>{_drawing(one)}<figcaption>{escape(one.channel)}</figcaption></figure>"
    yield "</div>"


def _drawing(one: Masked) -> str:
    width, height = _WIDTH / MASKED_COLUMNS, _HEIGHT / MASKED_ROWS
    blocks = "".join(
        f'<rect x="{x * width:g}" y="{y * height:g}" width="{width:g}" height="{height:g}" '
        f'fill="#{digit * _DIGITS_OF_GREY}"/>'
        for y, row in enumerate(one.rows)
        for x, digit in enumerate(row)
    )
    box = f"0 0 {_WIDTH} {_HEIGHT}"
    return f'<svg viewBox="{box}" shape-rendering="crispEdges" role="img">{blocks}</svg>'

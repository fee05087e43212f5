"""The rules of the collection spec, one pure file each, in the order in which verdicts list them.

Guarantees: a rule is a function of the spec and the observed facts; None means that it was not judged,
and its file says when. To add one: write the file with its `RULE` id, list it here, and give it accept
and reject cases in `tests/unit/capture/test_rules.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agent.capture.observed import Observed
from agent.capture.rules import audio, bitrate, codec, gap, gop, rate, size
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding

Rule: TypeAlias = Callable[[CollectionSpec, Observed], Finding | None]

RULES: tuple[tuple[str, Rule], ...] = (
    (size.RULE, size.judge),
    (codec.RULE, codec.judge),
    (audio.RULE, audio.judge),
    (rate.RULE, rate.judge),
    (gop.RULE, gop.judge),
    (bitrate.RULE, bitrate.judge),
    (gap.RULE, gap.judge),
)

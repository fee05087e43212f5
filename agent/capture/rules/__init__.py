"""The rules of the collection spec, one pure file each, in the order in which verdicts list them.

Guarantees: a rule is a function of the spec and the observed facts; None means that it was not judged,
and its file says when. To add one: write the file with its `RULE` id, list it here, give it accept and
reject cases in `tests/unit/capture/`, and a line in `docs/spec-rules.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from agent.capture.observed import Observed
from agent.capture.rules import (
    aspect,
    audio,
    bitrate,
    black,
    clock,
    codec,
    colour_range,
    covered,
    decoding,
    defocused,
    duplicates,
    frozen,
    gap,
    gop,
    jitter,
    length,
    lost,
    no_signal,
    profile,
    rate,
    scan,
    size,
)
from agent.model.spec import CollectionSpec
from agent.model.verdict import Finding

Rule: TypeAlias = Callable[[CollectionSpec, Observed], Finding | None]

RULES: tuple[tuple[str, Rule], ...] = (
    (size.RULE, size.judge),
    (codec.RULE, codec.judge),
    (profile.RULE, profile.judge),
    (scan.RULE, scan.judge),
    (aspect.RULE, aspect.judge),
    (colour_range.RULE, colour_range.judge),
    (audio.RULE, audio.judge),
    (length.RULE, length.judge),
    (rate.RULE, rate.judge),
    (gop.RULE, gop.judge),
    (bitrate.RULE, bitrate.judge),
    (gap.RULE, gap.judge),
    (clock.RULE, clock.judge),
    (lost.RULE, lost.judge),
    (duplicates.RULE, duplicates.judge),
    (jitter.RULE, jitter.judge),
    (decoding.RULE, decoding.judge),
    (black.RULE, black.judge),
    (no_signal.RULE, no_signal.judge),
    (frozen.RULE, frozen.judge),
    (covered.RULE, covered.judge),
    (defocused.RULE, defocused.judge),
)

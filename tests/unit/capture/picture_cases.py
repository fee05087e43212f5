"""Accept and reject cases of the rules on pictures: runs of pictures with plain numbers, one a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction

from agent.capture.measure import Measurement
from agent.capture.observed import Observed, PictureCheck, PictureNumbers
from agent.model.spec import Codec, CollectionSpec, PictureLimits
from agent.model.times import NS_PER_S
from agent.model.verdict import Grade

OK, DEGRADED, BAD = Grade.CONFORMING, Grade.DEGRADED, Grade.NONCONFORMING
SPEC = CollectionSpec(
    width=1280, height=720, rate=Fraction(25), bitrate_min_bps=500_000, bitrate_max_bps=4_000_000
)
TAKEN = Measurement(
    frames=1500, bytes=15_000_000, duration_ns=60 * NS_PER_S, rate=Fraction(25), arrival_rate=Fraction(25),
    bitrate_bps=2_000_000, keyframes=30, gop_max_ns=2 * NS_PER_S, longest_gap_ns=40_000_000, gaps=0,
    expected_frames=1500, duplicates=0, lost=0, jitter_p99_ns=0,
)  # fmt: skip
GOOD = Observed(width=1280, height=720, codec=Codec.H264, has_audio_in_output=False, measurement=TAKEN)

WARD = PictureNumbers(
    luma=110.0, dark_share=0.05, flat_share=0.2, blur=0.35, plain=0.2, saturation=20.0, bars=0.05,
    changed=0.01, difference=1.2,
)  # fmt: skip
NIGHT = replace(WARD, luma=14.0, dark_share=0.9, flat_share=0.7)
BLACK = replace(WARD, luma=0.5, dark_share=1.0, flat_share=1.0, blur=None, plain=1.0, saturation=1.0)
BLUE = replace(
    BLACK, luma=25.0, dark_share=0.99, flat_share=0.9, plain=0.95, saturation=110.0, changed=0.0, bars=0.9
)
MOVING_TEXT = replace(BLUE, changed=0.04)
BARS = replace(WARD, plain=0.13, flat_share=0.4, bars=0.99, changed=0.0)
STILL = replace(WARD, changed=0.0003, difference=0.2)
HAND = replace(WARD, luma=45.0, flat_share=0.95, blur=None, plain=0.4, changed=0.3)
BLURRED = replace(WARD, blur=0.72)
FIRST = replace(WARD, changed=None, difference=None)


def shown(*runs: tuple[PictureNumbers, int], since_s: int = 0) -> Observed:
    """One picture a second from second 100 on, each kind so many times."""
    numbers = [kind for kind, count in runs for _ in range(count)]
    checks = tuple(
        PictureCheck(
            at_ns=(100 + second) * NS_PER_S,
            before_ns=(99 + second) * NS_PER_S if second else None,
            numbers=each,
        )
        for second, each in enumerate(numbers)
    )
    return replace(GOOD, pictures=checks, since_ns=since_s * NS_PER_S)


def limits(**changes: object) -> CollectionSpec:
    return replace(SPEC, picture=replace(PictureLimits(), **changes))  # type: ignore[arg-type]  # by name


def _timed(
    rule: str, kind: PictureNumbers, seconds: int, grade: Grade, *, compares: bool
) -> Iterable[tuple[str, CollectionSpec, Observed, Grade | None]]:
    """What holds of every rule with a limit in seconds. Comparing rules begin one picture earlier."""
    enough = seconds if compares else seconds + 1
    yield rule, SPEC, shown((WARD, 5), (kind, enough), (WARD, 5)), grade
    yield rule, SPEC, shown((WARD, 5), (kind, enough - 1), (WARD, 5)), OK
    yield rule, SPEC, shown((WARD, 5), (kind, enough - 1), (WARD, 1), (kind, enough - 1)), OK
    yield rule, SPEC, shown((WARD, 40)), OK
    yield rule, SPEC, GOOD, None
    # A fault that was over before the stretch began is not the stretch's; one that reaches in is, whole.
    yield rule, SPEC, shown((WARD, 5), (kind, enough), (WARD, 5), since_s=105 + enough), OK
    yield rule, SPEC, shown((WARD, 5), (kind, enough), since_s=104 + enough), grade
    name = rule.replace("-", "_") + "_max_s"
    yield rule, limits(**{name: None}), shown((WARD, 5), (kind, 60)), None
    yield rule, limits(**{name: 2.0}), shown((WARD, 5), (kind, 3)), grade


PICTURE_CASES: list[tuple[str, CollectionSpec, Observed, Grade | None]] = [
    *_timed("black", BLACK, 10, BAD, compares=False),
    *_timed("no-signal", BLUE, 5, BAD, compares=True),
    *_timed("frozen", STILL, 10, BAD, compares=True),
    *_timed("covered", HAND, 10, DEGRADED, compares=False),
    *_timed("defocused", BLURRED, 30, DEGRADED, compares=False),
    ("black", SPEC, shown((NIGHT, 60)), OK),
    ("black", SPEC, shown((BLUE, 60)), OK),
    ("black", SPEC, shown((replace(BLACK, saturation=None), 60)), BAD),
    ("no-signal", SPEC, shown((BARS, 6)), BAD),
    ("no-signal", SPEC, shown((replace(BARS, changed=0.01), 60)), OK),
    ("no-signal", SPEC, shown((MOVING_TEXT, 60)), BAD),
    ("no-signal", SPEC, shown((BLACK, 60)), OK),
    ("no-signal", SPEC, shown((FIRST, 1)), None),
    ("frozen", SPEC, shown((FIRST, 1)), None),
    ("frozen", SPEC, shown((replace(STILL, changed=0.0005), 60)), OK),
    ("frozen", SPEC, shown((replace(STILL, difference=0.51), 60)), OK),
    ("frozen", SPEC, shown((replace(BLACK, changed=0.0), 60)), OK),
    ("frozen", SPEC, shown((BLUE, 60)), OK),
    ("covered", SPEC, shown((NIGHT, 60)), OK),
    ("covered", SPEC, shown((BLACK, 60)), OK),
    ("covered", SPEC, shown((BLUE, 60)), OK),
    ("defocused", SPEC, shown((replace(HAND, blur=0.9), 60)), OK),
    ("defocused", SPEC, shown((replace(WARD, blur=0.71), 60)), OK),
    ("defocused", SPEC, shown((replace(WARD, blur=None), 60)), OK),
    ("decoding", SPEC, shown((WARD, 10)), OK),
    ("decoding", SPEC, replace(shown((WARD, 1)), undecoded=1), OK),
    ("decoding", SPEC, replace(shown((WARD, 2)), undecoded=2), DEGRADED),
    ("decoding", SPEC, replace(shown((WARD, 10)), undecoded=2), OK),
    ("decoding", SPEC, replace(GOOD, undecoded=5), DEGRADED),
    ("decoding", SPEC, GOOD, None),
    ("decoding", limits(check_every_s=None), replace(GOOD, undecoded=5), None),
]

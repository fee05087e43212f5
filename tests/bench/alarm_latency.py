"""How long after a fault its alarm is raised: 100 faults at moments that differ, in media time.

    python -m tests.bench.alarm_latency [--faults N]

Each fault runs through recorder, messages and the keeper's book (tests/integration/spec_pipeline.py) in
simulated time; the moment lies anywhere between two key frames. Prints JSON: for each kind of fault the
number of runs, how many were told, and the largest and the 99th percentile of the delay in seconds. For what
the spec allows to last, the delay is counted from the spec's own limit. What comes after the keeper has
raised the alarm (outbox, network) is not in it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from agent.formats.config_spec import PictureConfig, SpecConfig
from agent.model.source_settings import Fault, FaultKind
from tests.integration.spec_pipeline import camera, pipeline

LIMIT_S = 4.0
SIZE = (160, 96)
FIRST_S = 5.0
PICTURE = PictureConfig(
    black_max_s=LIMIT_S,
    frozen_max_s=LIMIT_S,
    defocused_max_s=LIMIT_S,
    covered_max_s=LIMIT_S,
    no_signal_max_s=LIMIT_S,
)
SPEC = SpecConfig(width=SIZE[0], height=SIZE[1], rate="25", gap_max_s=1.0, picture=PICTURE)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault: what is scripted, and in which alarm it has to be named."""

    kind: FaultKind
    value: str | None
    told_as: str
    allowed_s: float = 0.0
    for_s: float = 60.0


KINDS = (
    Kind(FaultKind.RATE_CHANGE, "21", "rate: "),
    Kind(FaultKind.RATE_CHANGE, "12", "rate: "),
    Kind(FaultKind.SIZE_CHANGE, "320x192", "size: "),
    Kind(FaultKind.SILENCE, None, "gap: ", for_s=1.4),
    Kind(FaultKind.LOSS, None, "sends no pictures"),
    Kind(FaultKind.CLOCK_JUMP, "5", "clock: "),
    Kind(FaultKind.CLOCK_JUMP, "-3", "clock: "),
    Kind(FaultKind.AUDIO, None, "audio: "),
    Kind(FaultKind.FREEZE, None, "frozen: ", LIMIT_S),
    Kind(FaultKind.BLACK, None, "black: ", LIMIT_S),
    Kind(FaultKind.NO_SIGNAL, None, "no-signal: ", LIMIT_S),
    Kind(FaultKind.COVERED, None, "covered: ", LIMIT_S),
    Kind(FaultKind.DEFOCUS, "30", "defocused: ", LIMIT_S),
    Kind(FaultKind.DUPLICATE, "5", "duplicates: "),
)


def delay_s(kind: Kind, at_s: float) -> float | None:
    """Seconds from the fault (and its allowed time) to the alarm; None when there was none."""
    begins_s = 0.0 if kind.kind is FaultKind.AUDIO else at_s
    script = Fault(kind=kind.kind, at_s=begins_s, for_s=kind.for_s, value=kind.value)
    seconds = at_s + kind.allowed_s + (14 if kind.kind is FaultKind.DUPLICATE else 4)
    with tempfile.TemporaryDirectory() as folder, pipeline(Path(folder), SPEC) as pipe:
        pipe.play(camera(script, seconds=seconds, size=SIZE))
        told = [each.at_s for each in pipe.raised() if kind.told_as in each.text]
    return told[0] - begins_s - kind.allowed_s if told else None


def percentile(values: list[float], share: int) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[-(-share * len(ordered) // 100) - 1]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=100)
    faults = parser.parse_args(arguments).faults
    delays: dict[str, list[float | None]] = {}
    for number in range(faults):
        kind = KINDS[number % len(KINDS)]
        # 0.618… spreads the moments evenly over the second between two key frames.
        at_s = FIRST_S + round(25 * (number * 0.618034 % 1)) / 25
        name = f"{kind.kind.value} {kind.value or ''}".strip()
        delays.setdefault(name, []).append(delay_s(kind, at_s))
    table: dict[str, object] = {}
    within: list[float] = []
    for name, found in delays.items():
        told = [value for value in found if value is not None]
        table[name] = {"runs": len(found), "told": len(told), "max_s": round(max(told, default=-1), 2)}
        if name != "duplicate 5":  # its limit is the distance of two bursts, not two seconds
            within += told
    summary = {
        "faults": len(within),
        "p99_s": round(percentile(within, 99), 2),
        "max_s": round(max(within), 2),
    }
    sys.stdout.write(json.dumps({"by kind": table, "all but duplicates": summary}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])

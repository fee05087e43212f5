"""One kind of fault at every call of a box's life that it fits, and what the box makes of it afterwards.

Guarantees: after each fault the agent is started again, records, stops, and then the power is cut, so that
nothing counts that lives in memory alone; then `problems_of` judges. All failures of a kind come out in one
message, each with its call. A kind that fits no call fails too.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.fakes.box_accounts import problems_of
from tests.fakes.box_lives import BoxLives, Play
from tests.fakes.faulty_disk import CHANNEL, KEEPER, SYNCS, Call, Stop, Strike

AFTERWARDS = (Play(7, stop=True),)
BOTH = (KEEPER, CHANNEL)

Fits = Callable[[Call], bool]
# What a fault does: lives the life of `box` in which call `number` fails.
Fault = Callable[[BoxLives, int], None]


def any_call(_call: Call) -> bool:
    return True


def makes(call: Call) -> bool:
    return call.makes


def writes(call: Call) -> bool:
    return call.name == "write"


def syncs(call: Call) -> bool:
    return call.name in SYNCS


def by(side: str) -> Fits:
    return lambda call: call.side == side


def both(one: Fits, other: Fits) -> Fits:
    return lambda call: one(call) and other(call)


def failing(strike: Strike, *plays: Play, for_ever: bool = False) -> Fault:
    """The call fails, once or with all that follow it; the agent does what it does then."""

    def fault(box: BoxLives, number: int) -> None:
        def struck(call: Call) -> Strike | None:
            return strike if call.number == number or (for_ever and call.number > number) else None

        box.disk.strike = struck
        box.live(*plays)

    return fault


def stopping(strike: Strike, sides: tuple[str, ...], *plays: Play) -> Fault:
    """The processes end at the call."""

    def fault(box: BoxLives, number: int) -> None:
        def struck(call: Call) -> Strike | None:
            if call.number != number:
                return None
            box.disk.dead.update(sides)
            return strike

        box.disk.strike = struck
        try:
            box.live(*plays)
        except Stop:
            assert KEEPER in sides

    return fault


def cutting_power(*plays: Play, names_kept: bool) -> Fault:
    """Everything ends before the call, and what was not synced is lost."""
    stop = stopping(Strike.STOP, BOTH, *plays)

    def fault(box: BoxLives, number: int) -> None:
        stop(box, number)
        box.disk.power_cut(names_kept=names_kept)

    return fault


class Matrix:
    """Boxes in `folder`, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def new_box(self) -> BoxLives:
        shutil.rmtree(self._folder / "box", ignore_errors=True)
        return BoxLives(self._folder / "box")

    def run(self, calls: Iterable[Call], new_box: Callable[[], BoxLives], fault: Fault) -> None:
        """Raises AssertionError with all failures."""
        failures = []
        cases = 0
        for call in calls:
            cases += 1
            box = new_box()
            found = self._judged(box, call, fault)
            if found:
                where = f"call {call.number} ({call.side} {call.name} {call.path})"
                failures.append(f"{where}: {' | '.join(found)}")
        assert cases > 0, "no call fits this fault"
        assert not failures, f"{len(failures)} of {cases} faults are not survived:\n" + "\n".join(failures)

    def _judged(self, box: BoxLives, call: Call, fault: Fault) -> list[str]:
        try:
            fault(box, call.number)
            box.disk.strike = lambda _call: None
            end = box.live(*AFTERWARDS)
            box.disk.power_cut()
            found = problems_of(box)
        except Exception as error:  # noqa: BLE001 - a defect at one call must not hide those at others
            return [f"{type(error).__name__}: {error}"]
        return [*([f"the next run ended with: {end}"] if end is not None else []), *found]

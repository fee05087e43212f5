"""`python -m agent.demo console [--seconds N] [--open] [--keep]`: a fleet of three boxes in a browser.

Guarantees: stdout says the URL, the accounts, their password and where the keys are, and at the end where
everything lies; exit 0 when all of it ran until a signal or the wanted time and ended well, 1 when not, 130
when interrupted twice. No process of ours is left behind; nothing listens outside of 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import selectors
import shlex
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from agent.demo.child import Child
from agent.demo.console_boxes import BOXES, CYCLE_S, NEW_PLAN, OUTAGES, REFUSED, UNSTEADY_BOX, Outage
from agent.demo.console_people import ADMIN, OPERATORS
from agent.demo.console_site import Site
from agent.demo.live import Wakeups
from agent.demo.place import make_place
from agent.model.errors import AgentError

_STOP_S = 30.0
_INTERRUPTED = 130
# A box whose power has just come back may not listen to signals yet.
_ENDED_WELL = (0, -signal.SIGTERM)


def main(arguments: list[str], seconds_of: Callable[[str], float]) -> int:
    """Entry point. Returns the exit code."""
    options = _parser(seconds_of).parse_args(arguments)
    with Wakeups() as wakeups:
        try:
            with ExitStack() as stack:
                site = Site(make_place(Path.cwd(), os.urandom, keep=options.keep), stack, os.urandom)
                _say(f"demo directory: {site.place.root} (Ctrl-C ends all of it)")
                site.start()
                _print(_welcome(site))
                if options.open and not webbrowser.open(site.url):
                    _say("no browser was found: open the address yourself")
                trouble = _watch(site, wakeups, options.seconds)
                _say("ending …")
                troubles = [text for text in (trouble, *_stop(site)) if text]
        except AgentError as error:
            _say(f"WRONG: {error.text} [{error.code}]: {error.advice}")
            return 1
        except KeyboardInterrupt:
            _say("interrupted: everything was killed")
            return _INTERRUPTED
    for text in troubles:
        _say(f"WRONG: {text}")
    _print(_goodbye(site))
    return 1 if troubles else 0


def _parser(seconds_of: Callable[[str], float]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agent.demo console",
        description="Three boxes with seven synthetic cameras and scripted faults, and the console of them.",
    )
    parser.add_argument("--seconds", type=seconds_of, metavar="N", help="stop by itself; else at Ctrl-C")
    parser.add_argument("--open", action="store_true", help="open the console in this machine's browser")
    parser.add_argument("--keep", action="store_true", help="do not remove the directories of earlier runs")
    return parser


def _watch(site: Site, wakeups: Wakeups, seconds: float | None) -> str | None:
    """Until a signal or the time is over; stops and starts one box now and then. Returns what went wrong."""
    now = time.monotonic()
    end = float("inf") if seconds is None else now + seconds
    outages = cycle(OUTAGES)
    outage = next(outages)
    turn_at = now + outage.after_s
    while not wakeups.signals and now < end:
        if now >= turn_at:
            _turn(site, outage)
            outage = next(outages)
            turn_at = now + outage.after_s
        _wait(site.running(), wakeups, min(turn_at, end) - now)
        for child in site.running():
            if child.exit_code is not None:
                return f"the {child.name} ended by itself (exit {child.exit_code})"
        now = time.monotonic()
    return None


def _turn(site: Site, outage: Outage) -> None:
    """The box that comes and goes."""
    _say(f"{UNSTEADY_BOX}: {outage.text}")
    match outage.kind:
        case "stop":
            site.stop_agent(UNSTEADY_BOX, _STOP_S)
        case "cut":
            site.cut_power(UNSTEADY_BOX)
        case "start":
            site.start_agent(UNSTEADY_BOX)


def _wait(children: list[Child], wakeups: Wakeups, timeout_s: float) -> None:
    """Until a signal, the end of a child, or the timeout."""
    with selectors.DefaultSelector() as selector:
        selector.register(wakeups.readable, selectors.EVENT_READ)
        for child in children:
            selector.register(child.ended, selectors.EVENT_READ)
        selector.select(max(0.0, timeout_s))
        wakeups.clear()


def _stop(site: Site) -> Iterator[str]:
    """Ends everything in the order in which nobody misses another; gives what did not end well."""
    for child in (*site.agents.values(), site.console):
        code = child.stop(_STOP_S)
        if code not in _ENDED_WELL:
            yield f"the {child.name} did not end cleanly (exit {code}): {child.last_words()}"
    site.broker.stop(_STOP_S)


def _welcome(site: Site) -> Iterator[str]:
    accounts = ", ".join([*(account for account, _ in OPERATORS), ADMIN])
    keys = ", ".join(f"{account}.key" for account, _ in OPERATORS)
    yield f"console   {site.url}"
    yield f"accounts  {accounts}"
    yield f"password  {site.password}"
    yield f"keys      {_short(site.keys)}: {keys}"
    yield "disk      about 4 GB an hour; 2 GiB are left free"
    yield f"what goes wrong, every {CYCLE_S} s:"
    for one in BOXES:
        for camera in one.cameras:
            yield f"  {one.id:<7} {camera.id}  {camera.name:<13} {camera.story}"
    (first, second), (box, channel) = (account for account, _ in OPERATORS), REFUSED
    yield f"a command for two people: let {channel} of {box} record (command plan.set, with interrupt)"
    yield f"  plan: {NEW_PLAN}"
    yield f"  sign it as {first}, then in another browser or a private window as {second}"


def _goodbye(site: Site) -> Iterator[str]:
    root = site.place.root
    box = root / BOXES[0].id
    vault, key = (shlex.quote(_short(path)) for path in (box / "vault", box / "state" / "signing.vkey"))
    yield f"everything has ended, and lies in {_short(root)} until the next demo (--keep: longer):"
    yield f"  keys/, console/ (console.db, console.log), broker.log, {', '.join(one.id for one in BOXES)}"
    yield f"verify a box: edgeward verify {vault} --key {key}"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        print(line, flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

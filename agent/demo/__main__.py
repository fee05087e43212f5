"""`python -m agent.demo [--seconds N] [--json] [--keep]`: the whole way of one stream, and the proof of it.

Guarantees: exit 0 only when everything that the report says holds, 1 when not, 130 when interrupted twice;
with --json exactly one object on stdout and everything else on stderr. No process of ours is left behind.
`console` as the first argument is another demo: `console.py`.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from agent.demo import console, report
from agent.demo.audit import Audit, audit, first_segment
from agent.demo.broker import HOST, start_broker
from agent.demo.child import Child
from agent.demo.live import Live, Screen, Wakeups
from agent.demo.place import Place, make_place, write_config
from agent.demo.report import Facts
from agent.demo.watcher import Seen, Watcher
from agent.model.errors import AgentError

_AGENT_STOP_S = 30.0
_GOODBYE_S = 5.0
_BROKER_STOP_S = 5.0
_INTERRUPTED = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What the recording itself gave."""

    seconds: float
    agent_exit: int | None
    seen: Seen
    troubles: tuple[str, ...]


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns the exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["console"]:
        return console.main(given[1:], _seconds)
    options = _parser().parse_args(given)
    in_place = sys.stdout.isatty() and not options.json
    with Wakeups() as wakeups:
        try:
            place = make_place(Path.cwd(), os.urandom, keep=options.keep)
            _say(f"demo directory: {place.root} (Ctrl-C stops)")
            facts, audited = _run(place, wakeups, options.seconds, in_place=in_place)
        except KeyboardInterrupt:
            _say("interrupted: nothing was verified")
            return _INTERRUPTED
    found = report.problems(facts)
    if options.json:
        for text in found:
            _say(f"WRONG: {text}")
        print(report.as_json(facts))
    else:
        for line in report.as_text(facts, _stock_line(place, audited)):
            print(line)
    return 1 if found else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m agent.demo",
        description="Records a synthetic camera, sealed and ledgered, then verifies and opens it.",
        epilog="`console` as the first argument: three boxes and the console in a browser instead.",
    )
    parser.add_argument("--seconds", type=_seconds, metavar="N", help="stop by itself; else at Ctrl-C")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--keep", action="store_true", help="do not remove the directories of earlier runs")
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 86_400:
        raise argparse.ArgumentTypeError("1 to 86400 seconds")
    return value


def _run(
    place: Place, wakeups: Wakeups, seconds: float | None, *, in_place: bool
) -> tuple[Facts, Audit | None]:
    nothing = Facts(seconds=0.0, vault=place.vault, identity=place.identity)
    try:
        ran = _record(place, wakeups, seconds, Screen(in_place=in_place))
    except AgentError as error:
        return _with_troubles(nothing, f"{error.text} [{error.code}]: {error.advice}"), None
    wakeups.impatient = True
    _say("verifying and opening …")
    try:
        audited = audit(place)
    except AgentError as error:
        return _with_troubles(nothing, *ran.troubles, f"{error.text} [{error.code}]"), None
    return _facts(place, ran, audited), audited


def _record(place: Place, wakeups: Wakeups, seconds: float | None, screen: Screen) -> Ran:
    """From the broker's start to the agent's end. Raises `AgentError` when something does not start."""
    with ExitStack() as stack:
        broker, port = start_broker(place.root)
        stack.callback(broker.close)
        watcher = Watcher(HOST, port, wakeups.wake)
        stack.callback(watcher.close)
        write_config(place, HOST, port)
        agent = Child("agent", "agent.cli.main", ["run", "-c", str(place.config)], place.root / "agent.log")
        stack.callback(agent.close)
        live = Live([agent, broker], watcher, wakeups, place.runtime, screen)
        trouble = live.watch(seconds)
        elapsed_s = live.elapsed_s
        agent_exit = agent.stop(_AGENT_STOP_S)
        troubles = [trouble] if trouble else []
        if agent_exit != 0 and trouble is None:
            troubles.append(f"the agent's last words: {agent.last_words() or 'none'}")
        if agent_exit == 0:
            watcher.wait_for(lambda seen: seen.ended_well, _GOODBYE_S)
        seen = watcher.seen
        broker.stop(_BROKER_STOP_S)
    return Ran(seconds=elapsed_s, agent_exit=agent_exit, seen=seen, troubles=tuple(troubles))


def _facts(place: Place, ran: Ran, audited: Audit) -> Facts:
    verified, seen = audited.verified, ran.seen
    return Facts(
        seconds=ran.seconds,
        vault=place.vault,
        identity=place.identity,
        agent_exit=ran.agent_exit,
        recordings=len(verified.recordings),
        segments=sum(one.segments for one in verified.recordings),
        frames_expected=sum(one.frames_expected for one in verified.recordings),
        frames_recorded=sum(one.frames for one in verified.recordings),
        frames_opened=audited.frames_opened,
        gaps=verified.gaps,
        verdict=audited.verdict,
        leaves=verified.leaves,
        verified=verified.ok,
        root=verified.root_hex,
        messages=seen.messages,
        malformed=seen.malformed,
        events=seen.events,
        statuses=tuple(seen.statuses),
        windows=audited.windows,
        hits=audited.hits,
        troubles=(*ran.troubles, *audited.problems, *_where(audited)),
    )


def _where(audited: Audit) -> list[str]:
    return [f"{hit.file} holds clear text ({hit.what}) at byte {hit.at}" for hit in audited.hits[:10]]


def _with_troubles(facts: Facts, *troubles: str) -> Facts:
    return replace(facts, troubles=troubles)


def _stock_line(place: Place, audited: Audit | None) -> str | None:
    if audited is None or audited.recording is None:
        return None
    capsule, segment = first_segment(place.vault, audited.recording)
    return report.stock_line(place.identity, capsule, segment, Path.cwd())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())

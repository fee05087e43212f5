"""`edgeward check`: what is the matter with this box, and what to do about it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.control.client import ask
from agent.formats.check_report_v1 import check_technician
from agent.formats.config_v1 import AgentConfig
from agent.health.check import AnyCheck
from agent.health.checks import CHECKS
from agent.health.engine import Task, is_complete, tasks, verdict
from agent.health.engine import run as run_checks
from agent.health.render import lines, nagios, row, summary
from agent.health.words import LANGUAGES
from agent.health.words.sentences import Language
from agent.host.clock import SystemClock
from agent.ledger.signing import SigningKey
from agent.model.commands import CommandType
from agent.model.errors import AgentError, Refuse
from agent.model.finding import Finding, Profile
from agent.model.outgoing import Json
from agent.runtime.boot import KEY_NAME
from agent.runtime.check_reports import make_report, store_report
from agent.runtime.check_site import this_site

EXAMPLE = "edgeward check --profile visit"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    add_config(parser)
    names = [*(profile.value for profile in Profile), "full"]
    parser.add_argument(
        "--profile", choices=names, default="full", metavar="NAME", help=f"{', '.join(names)}; default: full"
    )
    parser.add_argument("--only", action="append", default=[], metavar="ID", help="this check; repeatable")
    parser.add_argument("--skip", action="append", default=[], metavar="ID", help="not this; repeatable")
    parser.add_argument("--channel", metavar="CHANNEL", help="this channel only")
    parser.add_argument("--lang", choices=tuple(LANGUAGES), help="default: by the locale")
    parser.add_argument("--strict", action="store_true", help="a warning counts as a failure")
    parser.add_argument("--list", action="store_true", help="name the checks and leave")
    parser.add_argument("--report", type=Path, metavar="DIR", help="also sign a report and its page into DIR")
    parser.add_argument("--technician", metavar="ID", help="who makes the check; needed for a report")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="machine-readable")
    form.add_argument("--nagios", action="store_true", help="one line, and exit 0, 1, 2 or 3")


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 nothing wrong, 1 something is, 2 the check is incomplete; with `--nagios` its own codes."""
    chosen = _chosen(arguments)
    language = arguments.lang or _language_of(os.environ)
    words = LANGUAGES[language]
    if arguments.list:
        for check in chosen:
            print(f"{check.id:20} {words.checks[check.id].title}")
        return 0
    if arguments.report is not None:
        check_technician(arguments.technician or "")
    config = config_of(arguments)
    channels = [one.id for one in config.channel if arguments.channel in (None, one.id)]
    if not channels:
        raise Refuse("check.no-channel", "there is no such channel", "take an id from the configuration")
    loud = not arguments.json and not arguments.nagios
    progress = _Progress(words, shown=loud and sys.stderr.isatty())
    findings: list[Finding] = []
    site = this_site(config, SystemClock())
    for finding in run_checks(tasks(chosen, channels), site, progress.start):
        progress.end()
        findings.append(finding)
        if loud:
            print("\n".join(lines(finding, words)), flush=True)
    required = frozenset(check.id for check in chosen if check.required)
    complete = is_complete(findings, required)
    code = verdict(findings, required, strict=arguments.strict)
    if arguments.nagios:
        code, line = nagios(findings, code, words)
        print(line)
    elif arguments.json:
        print(
            json.dumps(_report(config.box.id, findings, code, words, complete=complete), ensure_ascii=False)
        )
    else:
        print(summary(findings, words))
        print(words.labels["complete" if complete else "incomplete"])
    if arguments.report is not None:
        facts = make_report(
            config,
            findings,
            now=SystemClock().now(),
            profile=arguments.profile,
            technician=arguments.technician,
            result=verdict(findings, required, strict=arguments.strict),
            complete=complete,
            pictures=tuple(one for one in site.pictures() if one.channel in channels),
        )
        path, sha256 = store_report(arguments.report, facts, _box_key(config), language)
        print(f"{path}\n{sha256}\n{_entered(config, path)}", file=sys.stderr)
    return code


def _entered(config: AgentConfig, path: Path) -> str:
    """Hands the report to the running agent, and says whether it is in the ledger."""
    outside = f"the report is not in the ledger: {path.name}"
    try:
        args: dict[str, Json] = {"report": path.read_text(encoding="utf-8")}
        answer = ask(config.box.runtime_dir, CommandType.REPORT_ENTER, args)
    except AgentError as error:
        return f"{outside}: {error.text}"
    result = answer["result"]
    if answer["status"] != "succeeded" or not isinstance(result, dict):
        return f"{outside}: {answer['reason']}"
    return f"leaf {result['leaf']} of the ledger"


def _box_key(config: AgentConfig) -> SigningKey:
    return SigningKey.load(config.box.state_dir / KEY_NAME)


def _report(
    box: str, findings: list[Finding], code: int, words: Language, *, complete: bool
) -> dict[str, Json]:
    return {
        "v": 1,
        "box": box,
        "result": code,
        "complete": complete,
        "findings": [row(finding, words) for finding in findings],
    }


def _chosen(arguments: argparse.Namespace) -> tuple[AnyCheck, ...]:
    known = {check.id for check in CHECKS}
    for name in (*arguments.only, *arguments.skip):
        if name not in known:
            raise Refuse("check.unknown", f"there is no check {name}", "see: edgeward check --list")
    return tuple(
        check
        for check in CHECKS
        if (arguments.profile == "full" or Profile(arguments.profile) in check.profiles)
        and (not arguments.only or check.id in arguments.only)
        and check.id not in arguments.skip
    )


def _language_of(environment: Mapping[str, str]) -> str:
    locale = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "zh" if locale.startswith("zh") else "en"


class _Progress:
    """The name of the check that runs, on a terminal, until its finding is there."""

    def __init__(self, words: Language, *, shown: bool) -> None:
        self._words = words
        self._shown = shown

    def start(self, task: Task) -> None:
        if self._shown:
            title = self._words.checks[task.check.id].title
            print(f"\r\033[K… {title} {task.target or ''}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

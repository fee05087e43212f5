"""`edgeward profiles check | list | show | match`: device profiles (docs/formats/device-profile-v1.md)."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

from agent.cli.exits import Exit
from agent.device.firmware import FirmwareFinding, firmware_findings
from agent.device.profile_match import DeviceFacts, ProfileMatch, Trust, match_device
from agent.device.profiles import INSTALLED, ProfileSet, load_profiles, read_profiles
from agent.formats.profile_v1 import DeviceProfile, Kind
from agent.model.outgoing import Json
from agent.runtime.load_config import ConfigError

EXAMPLE = "edgeward profiles match --usb 2935:0006"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = actions.add_parser("check", help="say everything that is wrong in a set of profiles")
    check.add_argument("directory", nargs="?", type=Path, default=INSTALLED, metavar="DIR")
    listing = actions.add_parser("list", help="one line for each profile")
    show = actions.add_parser("show", help="all that is known of one model, with its sources")
    show.add_argument("id", metavar="VENDOR/MODEL")
    match = actions.add_parser("match", help="which profile a device gets, and why")
    for one in (listing, show, match):
        one.add_argument(
            "--dir", type=Path, default=INSTALLED, metavar="DIR", help="default: the installed set"
        )
    for one in (listing, match):
        one.add_argument("--json", action="store_true", help="machine-readable")
    match.add_argument("--kind", choices=[kind.value for kind in Kind], help="default: v4l2, or onvif")
    match.add_argument("--usb", type=_usb, metavar="VVVV:PPPP", help="as lsusb prints it")
    match.add_argument("--edid", type=_edid, metavar="MMM:PPPP", help="of what is plugged into the grabber")
    for name in ("card", "driver", "bus-info", "manufacturer", "model", "firmware"):
        match.add_argument(f"--{name}", metavar="TEXT")


def _usb(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}", text):
        raise argparse.ArgumentTypeError("two times four hex digits, for example 2935:0006")
    return text.casefold()


def _edid(text: str) -> str:
    maker, _, product = text.partition(":")
    if not re.fullmatch(r"[A-Za-z]{3}", maker) or not re.fullmatch(r"[0-9A-Fa-f]{4}", product):
        raise argparse.ArgumentTypeError("three letters and four hex digits, for example SYK:1a2b")
    return f"{maker.upper()}:{product.casefold()}"


def run(arguments: argparse.Namespace) -> int:
    """Exit 78 for a broken set; `match`: 1 for an unknown device or a firmware below its floor."""
    if arguments.action == "check":
        return _check(arguments.directory)
    found = load_profiles(arguments.dir)
    if arguments.action == "list":
        return _list(found, as_json=arguments.json)
    if arguments.action == "show":
        _show(found.get(arguments.id))
        return Exit.OK
    return _match(found, arguments)


def _check(directory: Path) -> int:
    found = read_profiles(directory)
    if not isinstance(found, ProfileSet):
        raise ConfigError(found)
    print(f"{directory}: good, {len(found.profiles)} profiles")
    return Exit.OK


def _list(found: ProfileSet, *, as_json: bool) -> int:
    if as_json:
        rows: list[Json] = [
            {
                "id": one.id,
                "name": one.name,
                "kind": one.kind.value,
                "scope": one.scope.value,
                "tried_on_hardware": one.tried_on_hardware,
            }
            for one in found.profiles
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return Exit.OK
    width = max(len(one.id) for one in found.profiles)
    for one in found.profiles:
        tried = "" if one.tried_on_hardware else "  (not tried on hardware)"
        print(f"{one.id:<{width}}  {one.kind.value:<9}  {one.scope.value:<7}  {one.name}{tried}")
    return Exit.OK


def _show(profile: DeviceProfile) -> None:
    print(f"{profile.id}: {profile.name}")
    print(f"  kind {profile.kind.value}, scope {profile.scope.value}, ", end="")
    print("tried on hardware" if profile.tried_on_hardware else "not tried on hardware")
    if profile.notes:
        print(f"  {profile.notes}")
    plan = profile.plan
    print(f"  plan: category {plan.category}, level {plan.level}", end="")
    print(f", never level {', '.join(map(str, plan.forbidden_levels))}" if plan.forbidden_levels else "")
    print(f"  text burned in: {_overlay(profile)}")
    for mode in profile.mode:
        rates = ", ".join(mode.rates)
        print(f"  mode: {mode.width}x{mode.height} {mode.pixel_format} at {rates} Hz [{mode.source}]")
    for quirk in profile.quirk:
        print(f"  quirk {quirk.id}: {quirk.text} [{quirk.source}]")
    for floor in profile.floor:
        border = f"at least {floor.at_least}" if floor.at_least else f"newer than {floor.above}"
        branch = f" in branch {floor.branch}" if floor.branch else ""
        print(f"  firmware: {border}{branch} ({', '.join(floor.cve)}) [{floor.source}]")
    for path in profile.connection.path if profile.connection else ():
        print(f"  stream {path.stream}: {path.template} [{path.source}]")
    for note in profile.source:
        print(f"  [{note.id}] {note.url} (read {note.read.isoformat()}): {note.says}")


def _overlay(profile: DeviceProfile) -> str:
    if profile.overlay.known == "zones":
        return f"{len(profile.overlay.zone)} zones are known"
    if profile.overlay.known == "none":
        return "none"
    return "not known, so nothing of it is released through de-identification"


def _match(found: ProfileSet, arguments: argparse.Namespace) -> int:
    network = arguments.manufacturer or arguments.model or arguments.firmware
    facts = DeviceFacts(
        kind=Kind(arguments.kind) if arguments.kind else (Kind.ONVIF if network else Kind.V4L2),
        usb=arguments.usb,
        edid=arguments.edid,
        card=arguments.card,
        driver=arguments.driver,
        bus_info=arguments.bus_info,
        manufacturer=arguments.manufacturer,
        model=arguments.model,
        firmware=arguments.firmware,
    )
    match = match_device(found.profiles, facts)
    findings = firmware_findings(match.profile, facts.firmware) if network else ()
    if arguments.json:
        print(json.dumps(match_json(match, findings), ensure_ascii=False))
    else:
        print(f"profile: {match.profile.id} ({match.profile.name})")
        print(f"because: {match.why}")
        print(f"  trust: {match.trust.value}")
        if match.alarm:
            print(f"  ALARM {match.alarm.code}: {match.alarm.text}; {match.alarm.advice}")
        for finding in findings:
            print(f"  FIRMWARE {finding.status.value}: {finding.render()} ({finding.url})")
    return Exit.FAILED if findings or match.trust is Trust.UNKNOWN_DEVICE else Exit.OK


def match_json(match: ProfileMatch, findings: tuple[FirmwareFinding, ...]) -> dict[str, Json]:
    """The match and what is wrong with the firmware, as JSON."""
    return {
        "profile": match.profile.id,
        "name": match.profile.name,
        "why": match.why,
        "trust": match.trust.value,
        "tried_on_hardware": match.profile.tried_on_hardware,
        "deidentification_possible": match.deidentification_possible,
        "alarm": None if match.alarm is None else {"code": match.alarm.code, "text": match.alarm.text},
        "firmware": [
            {
                "status": one.status.value,
                "version": one.version,
                "required": one.required,
                "cve": list(one.cve),
                "remedy": one.remedy,
                "url": one.url,
            }
            for one in findings
        ],
    }

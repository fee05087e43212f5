"""`edgeward deid FILE --policy P -o OUT --report FILE`: a copy of a film without faces, or no copy at all."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from fractions import Fraction
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.cli.progress import ProgressBar
from agent.deid.detector_profiles import detector_profile
from agent.deid.faces import CenterFace
from agent.deid.models import FACES, FOLDER, load
from agent.deid.offline import Done
from agent.deid.policy import check_can_be_done
from agent.deid.purposes import Window, check_run, random_id
from agent.deid.report import RunFacts
from agent.deid.text import PpOcr
from agent.deid.text_model import TEXT
from agent.deid.text_rules import DeviceText, device_text
from agent.deid.tracks import Doubt
from agent.device.profiles import load_profiles
from agent.formats.config_v1 import AgentConfig
from agent.formats.deid_policy_v1 import DeidPolicy, is_unapproved, parse
from agent.host.clock import SystemClock
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.runtime.boot import KEY_NAME
from agent.runtime.deid_approval import approver_of
from agent.runtime.deid_film import FilmJob, make_derivative
from agent.runtime.load_config import ConfigError

EXAMPLE = "edgeward deid in.mp4 --policy p.toml -o out.mp4 --report r.json"
_PASSES = 2


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a film that is not encrypted")
    parser.add_argument(
        "--policy", type=Path, required=True, metavar="FILE", help="an approved policy (docs/deid.md)"
    )
    parser.add_argument(
        "--approval", type=Path, metavar="FILE", help="its approvers' note (edgeward deid-approve)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="a new MP4 file, or a folder for it"
    )
    parser.add_argument(
        "--report", type=Path, required=True, metavar="FILE", help="a new file, or a folder: what was done"
    )
    parser.add_argument("--sign", action="store_true", help="sign the report with this box's key")
    parser.add_argument(
        "--device", metavar="VENDOR/MODEL", help="the profile of the device that the film is of"
    )
    parser.add_argument("--start", type=_seconds, metavar="S", help="a study: the window's first second")
    parser.add_argument("--end", type=_seconds, metavar="S", help="a study: the second at which it ends")
    parser.add_argument("--link", type=Path, metavar="FILE", help="assist: a new file for the sealed link")
    parser.add_argument("--subject", metavar="TEXT", help="assist: what the link says of whom the film is")
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help=f"default: {FOLDER}/ in the configuration's state_dir"
    )
    add_config(parser)


def _seconds(text: str) -> Fraction:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text):
        raise argparse.ArgumentTypeError("seconds from the film's beginning, for example 12.5")
    return Fraction(text)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when every frame was looked at, 1 when frames were masked whole because they could not be."""
    policy, data = read_policy(arguments.policy)
    check_can_be_done(policy)
    config = _config(arguments)
    note = None if arguments.approval is None else _note(arguments.approval)
    signed_by = approver_of(policy, data, note, () if config is None else config.operator)
    window = _window(arguments)
    linked = arguments.link is not None and arguments.subject is not None
    check_run(policy, window, linked=linked)
    device = None if arguments.device is None else device_text(load_profiles().get(arguments.device))
    random = random_id(os.urandom(16))
    job = FilmJob(
        source=arguments.file,
        output=_named(arguments.output, policy, random, ".mp4"),
        report=_named(arguments.report, policy, random, ".json"),
        policy=policy,
        facts=_facts(policy, data, random, signed_by, device),
        window=window,
        device=device,
        link=arguments.link,
        subject=arguments.subject,
        key=_key(config) if arguments.sign else None,
    )
    folder = arguments.models or _configured(config).box.state_dir / FOLDER
    faces = CenterFace(load(folder), detector_profile(policy.detector))
    text = PpOcr(load(folder, TEXT)) if policy.text else None
    bar = ProgressBar(sys.stderr, _PASSES, SystemClock().mono_ns)
    try:
        done = make_derivative(job, faces, text, os.urandom, bar)
    finally:
        bar.close()
    return _told(done)


def _told(done: Done) -> int:
    in_doubt = sum(done.whole.values()) - done.whole[Doubt.START] + done.whole_text + done.whole_device
    print(
        f"{done.frames} frames, {done.masked} with masks, {done.faces} faces on {done.asked} "
        f"frames looked at; masked whole: {done.whole[Doubt.START]} at the start, {in_doubt} in doubt",
        file=sys.stderr,
    )
    if done.whole_device:
        print(
            "nobody knows where this device writes text: name its profile (--device), or let the policy say "
            "it (docs/deid.md, Text)",
            file=sys.stderr,
        )
    failures = done.plan.failures or done.plan.text_failures
    return Exit.FAILED if in_doubt or failures or done.plan.lost_packets else Exit.OK


def _facts(
    policy: DeidPolicy, data: bytes, random: str, signed_by: str | None, device: DeviceText | None
) -> RunFacts:
    return RunFacts(
        id=random,
        policy_hash=hashlib.sha256(data).hexdigest(),
        signed_by=signed_by,
        device=None if device is None else device.profile,
        link_hash=None,
        models=(FACES, TEXT) if policy.text else (FACES,),
    )


def _named(path: Path, policy: DeidPolicy, random: str, suffix: str) -> Path:
    """`path`, or a file of random name in it. For `newtech` nobody chooses a name that leads back."""
    if path.is_dir():
        return path / (random + suffix)
    if policy.purpose == "newtech":
        raise Refuse(
            "deid.name",
            f"for purpose newtech {path.name} would be a name that somebody chose",
            "name a folder that exists: the file in it gets a random id",
        )
    return path


def _window(arguments: argparse.Namespace) -> Window | None:
    if (arguments.start is None) is not (arguments.end is None):
        raise Refuse("deid.window", "a time window has both ends", "name --start and --end")
    return None if arguments.start is None else Window(start_s=arguments.start, end_s=arguments.end)


def _config(arguments: argparse.Namespace) -> AgentConfig | None:
    """The configuration; None on a computer that has none and where --models says where the models are."""
    if arguments.models is not None and not arguments.config.exists():
        return None
    return config_of(arguments)


def _configured(config: AgentConfig | None) -> AgentConfig:
    if config is None:
        raise Refuse("deid.no-config", "there is no configuration on this computer", "name it with -c")
    return config


def _key(config: AgentConfig | None) -> SigningKey:
    return SigningKey.load(_configured(config).box.state_dir / KEY_NAME)


def read_policy(path: Path) -> tuple[DeidPolicy, bytes]:
    """Policy and bytes of its file. Raises `ConfigError`, `Refuse` `deid.no-policy`, `deid.unapproved`."""
    try:
        data = path.read_bytes()
        policy = parse(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Refuse("deid.no-policy", f"the policy {path} can't be read", "check its path") from None
    if isinstance(policy, DeidPolicy):
        return policy, data
    if is_unapproved(policy):
        raise Refuse(
            "deid.unapproved",
            f"the policy {path} does not say who approved it, when and where",
            "let the one who may approve it fill in [approved]",
        )
    raise ConfigError(tuple(problem.render(str(path)) for problem in policy))


def _note(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise Refuse("deid.bad-approval", f"the approval {path} can't be read", "check its path") from None

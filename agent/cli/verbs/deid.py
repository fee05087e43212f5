"""`edgeward deid FILE --policy P -o OUT --report FILE`: a copy of a film without faces, or no copy at all."""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.deid.detector_profiles import detector_profile
from agent.deid.faces import CenterFace, FaceDetector
from agent.deid.models import FACES, FOLDER, load
from agent.deid.offline import Done, deidentify
from agent.deid.policy import check_can_be_done
from agent.deid.report import report_of
from agent.deid.tracks import Doubt
from agent.formats.deid_policy_v1 import DeidPolicy, is_unapproved, parse
from agent.formats.deid_report_v1 import encode
from agent.host.files import create_exclusive, fsync_dir, translate, write_all
from agent.model.errors import Refuse
from agent.runtime.load_config import ConfigError

EXAMPLE = "edgeward deid in.mp4 --policy p.toml -o out.mp4 --report r.json"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a film that is not encrypted")
    parser.add_argument(
        "--policy", type=Path, required=True, metavar="FILE", help="an approved policy (docs/deid.md)"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="a new MP4 file")
    parser.add_argument(
        "--report", type=Path, required=True, metavar="FILE", help="a new file: what was done, as JSON"
    )
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help=f"default: {FOLDER}/ in the configuration's state_dir"
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit 0 when every frame was looked at, 1 when frames were masked whole because they could not be."""
    policy, policy_hash = _policy(arguments.policy)
    check_can_be_done(policy)
    folder = arguments.models or config_of(arguments).box.state_dir / FOLDER
    detector = CenterFace(load(folder), detector_profile(policy.detector))
    done = masked_and_reported(arguments, policy, policy_hash, detector)
    in_doubt = sum(done.whole.values()) - done.whole[Doubt.START]
    print(
        f"{done.frames} frames, {done.masked} with masks, {done.plan.faces} faces on {done.plan.asked} "
        f"frames looked at; masked whole: {done.whole[Doubt.START]} at the start, {in_doubt} in doubt",
        file=sys.stderr,
    )
    return Exit.FAILED if in_doubt or done.plan.failures or done.plan.lost_packets else Exit.OK


def masked_and_reported(
    arguments: argparse.Namespace, policy: DeidPolicy, policy_hash: str, detector: FaceDetector
) -> Done:
    """Writes the output and its report, or neither."""
    fd = create_exclusive(arguments.report, 0o600)
    try:
        with os.fdopen(fd, "wb") as stream:
            done = deidentify(arguments.file, arguments.output, policy, detector)
            try:
                write_all(stream.fileno(), encode(report_of(done, policy, policy_hash, (FACES,))))
                os.fsync(stream.fileno())
            except BaseException:
                arguments.output.unlink(missing_ok=True)
                raise
        fsync_dir(arguments.report.parent)
    except BaseException as error:
        arguments.report.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise translate(error, arguments.report, "writing") from error
        raise
    return done


def _policy(path: Path) -> tuple[DeidPolicy, str]:
    """Policy and SHA-256 of its file. Raises `ConfigError`, `Refuse` `deid.no-policy`, `deid.unapproved`."""
    try:
        data = path.read_bytes()
        policy = parse(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Refuse("deid.no-policy", f"the policy {path} can't be read", "check its path") from None
    if isinstance(policy, DeidPolicy):
        return policy, hashlib.sha256(data).hexdigest()
    if is_unapproved(policy):
        raise Refuse(
            "deid.unapproved",
            f"the policy {path} does not say who approved it, when and where",
            "let the one who may approve it fill in [approved]",
        )
    raise ConfigError(tuple(problem.render(str(path)) for problem in policy))

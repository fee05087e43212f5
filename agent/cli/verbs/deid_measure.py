"""`edgeward deid-measure FILE --annotation A --policy P`: how many annotated faces masks would miss."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.common import add_config, config_of
from agent.cli.exits import Exit
from agent.cli.verbs.deid import read_policy
from agent.deid.detector_profiles import DETECTOR_PROFILES
from agent.deid.faces import CenterFace
from agent.deid.measure import table
from agent.deid.measure_film import measure_film
from agent.deid.models import FOLDER, load
from agent.formats.face_annotation_v1 import FaceAnnotation, parse
from agent.model.errors import Refuse

EXAMPLE = "edgeward deid-measure ward.mp4 --annotation ward.json --policy p.toml"


def configure(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a film that is not encrypted")
    parser.add_argument(
        "--annotation",
        type=Path,
        required=True,
        metavar="FILE",
        help="where faces are on it (docs/formats/face-annotation-v1.md)",
    )
    parser.add_argument(
        "--policy", type=Path, required=True, metavar="FILE", help="its hold times and dilation are measured"
    )
    parser.add_argument(
        "--models", type=Path, metavar="DIR", help=f"default: {FOLDER}/ in the configuration's state_dir"
    )
    add_config(parser)


def run(arguments: argparse.Namespace) -> int:
    """Prints a table for each detector profile. Exit 0 when it was measured, however much was missed."""
    policy, _ = read_policy(arguments.policy)
    annotation = _annotation(arguments.annotation)
    model = load(arguments.models or config_of(arguments).box.state_dir / FOLDER)
    for profile in DETECTOR_PROFILES:
        detector = CenterFace(model, profile)
        measured = measure_film(arguments.file, annotation, policy, detector, profile)
        print("\n".join(table(profile.name, measured.found)))
        print(f"masked whole in doubt: {measured.whole}; looks that failed: {measured.failures}\n")
    return Exit.OK


def _annotation(path: Path) -> FaceAnnotation:
    try:
        return parse(path.read_bytes())
    except OSError:
        raise Refuse("deid.annotation", f"{path} can't be read", "check its path") from None

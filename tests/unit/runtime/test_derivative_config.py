"""The track in the plan: what is accepted, what is refused with its line, what a derivative takes over."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.formats.config_operators import OperatorConfig
from agent.formats.config_tracks import DeidentifiedConfig
from agent.formats.config_v1 import AgentConfig, ConfigProblem, parse
from agent.formats.deid_policy_v1 import DeidPolicy
from agent.formats.deid_policy_v1 import parse as parse_policy
from agent.ledger.signing import SigningKey
from agent.model.errors import Refuse
from agent.model.spec import Codec
from agent.runtime.deid_approval import approve
from agent.runtime.derivative_config import (
    custodians_of,
    derived_channel,
    derived_channels,
    derived_spec,
    read_policy,
    track_of,
    unfit_tracks,
)
from agent.runtime.tickets import Need
from agent.seal.capsule import check_recipient
from agent.seal.recording_key import new_key_pair
from tests.fakes.derived_films import POLICY
from tests.unit.runtime.vaults import CONFIG

TEACHER = new_key_pair(os.urandom).recipient
TRACK = f"""
[channel.plan.tracks.deidentified]
policy = "/etc/edgeward/deid.toml"
level = 3
purpose = "teaching"
lawful_basis = "consent"
recipients = ["{TEACHER}"]
"""
_PLAN = """
[channel.plan]
scene = "imaging-diagnosis"
place = ["test-room"]
responsible = "tester"
policy = "test-1"
"""


def text(track: str = TRACK, name: str = "ch0") -> str:
    box, _, channel = CONFIG.format(root="/x", recipient=new_key_pair(os.urandom).recipient).partition(
        "[[channel]]"
    )
    lines = [line for line in channel.splitlines() if not line.startswith("plan =")]
    return box + "[[channel]]" + "\n".join(lines).replace('"ch0"', f'"{name}"') + _PLAN + track


def good(track: str = TRACK) -> AgentConfig:
    config = parse(text(track), check_recipient)
    assert isinstance(config, AgentConfig), config
    return config


def problems(track: str = TRACK, name: str = "ch0") -> tuple[ConfigProblem, ...]:
    found = parse(text(track, name), check_recipient)
    assert not isinstance(found, AgentConfig)
    return found


def test_a_derivative_has_its_own_level_purpose_basis_people_and_tickets() -> None:
    [channel] = good().channel
    track = track_of(channel)
    assert track is not None
    derived = derived_channel(channel, track)
    assert (derived.id, derived.level, derived.purpose) == ("ch0-deid", 3, "teaching")
    assert derived.lawful_basis == "consent" and channel.lawful_basis == "test"
    assert derived.category == channel.category and derived.retention is None
    assert custodians_of(track).recipients == (TEACHER,)
    assert Need.of(derived).channel == "ch0-deid" and Need.of(derived).level == 3
    assert list(derived_channels(good().channel)) == [derived]


def test_without_the_table_there_is_no_derivative() -> None:
    assert list(derived_channels(good("").channel)) == []


def test_a_track_without_a_policy_loads() -> None:
    [channel] = good(TRACK.replace('policy = "/etc/edgeward/deid.toml"\n', "")).channel
    track = track_of(channel)
    assert track is not None and track.policy is None


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("level = 3", "level = 2", "channel.0.plan.tracks.deidentified.level"),
        ("level = 3\n", "", "channel.0.plan.tracks.deidentified.level"),
        ('purpose = "teaching"\n', "", "channel.0.plan.tracks.deidentified.purpose"),
        (f'["{TEACHER}"]', "[]", "channel.0.plan.tracks.deidentified.recipients"),
        (TEACHER, TEACHER[:-1], "channel.0.plan.tracks.deidentified.recipients.0"),
        (f'"{TEACHER}"', f'"{TEACHER}", "{TEACHER}"', "channel.0.plan.tracks.deidentified.recipients.1"),
        ('"/etc', '"etc', "channel.0.plan.tracks.deidentified.policy"),
        ("level = 3", "level = 3\nmore = 1", "channel.0.plan.tracks.deidentified.more"),
    ],
    ids=["level-2", "no-level", "no-purpose", "nobody", "bad-key", "twice", "relative", "unknown"],
)
def test_what_is_wrong_in_the_track_is_told_by_its_key(old: str, new: str, key: str) -> None:
    [problem] = problems(TRACK.replace(old, new))
    assert problem.key == key and problem.line is not None


def test_an_id_that_leaves_no_room_for_its_derivatives_is_refused() -> None:
    [problem] = problems(name="operating-r1")
    assert problem.key == "channel.0.id" and "at most 11" in problem.text
    assert isinstance(parse(text(name="operating-r"), check_recipient), AgentConfig)
    assert isinstance(parse(text("", name="operating-room"), check_recipient), AgentConfig)


def test_a_channel_that_is_called_like_a_derivative_is_refused() -> None:
    first = text()
    other = first[first.index("[[channel]]") :].replace('"ch0"', '"ch0-deid"').replace(TRACK, "")
    found = parse(first + "\n" + other, check_recipient)
    assert not isinstance(found, AgentConfig)
    assert [problem.key for problem in found] == ["channel.0.id"]


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("level = 3", "level = 3", False),
        ("level = 3", "level = 5", True),
        ("level = 3", "threshold = 2", True),
    ],
    ids=["fits", "nobody-of-its-suite", "too-few"],
)
def test_recipients_must_fit_the_level(old: str, new: str, wrong: bool) -> None:
    track = TRACK.replace(old, new if "level" in new else f"{old}\n{new}")
    found = unfit_tracks(good(track), text(track))
    assert [problem.key for problem in found] == (
        ["channel.0.plan.tracks.deidentified.recipients"] if wrong else []
    )


def test_the_spec_of_a_derivative_judges_no_pictures_and_is_h264() -> None:
    spec = good().channel[0].spec.to_spec()
    derived = derived_spec(spec)
    assert derived.codecs == (Codec.H264,) and derived.picture.check_every_s is None
    assert (derived.width, derived.height, derived.rate) == (spec.width, spec.height, spec.rate)
    assert derived.region is None and derived.gap_max_s == 1.0


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "deid.no-policy"),
        (b"\xff\xfe", "deid.no-policy"),
        (b"x = ", "deid.bad-policy"),
        (POLICY.replace("[approved]", "[approved_]").encode(), "deid.unapproved"),
        (POLICY.replace('"data protection officer"', '" "').encode(), "deid.unapproved"),
        (POLICY.replace('"data protection officer"', '"TEACHER"').encode(), "deid.approver-is-user"),
        (POLICY.encode() + b"#" * 30_000, "deid.bad-policy"),
    ],
    ids=["missing", "no-text", "no-toml", "unapproved", "nobody-approved", "approved-by-a-user", "too-long"],
)
def test_a_policy_that_may_not_be_followed(tmp_path: Path, data: bytes | None, code: str) -> None:
    path = tmp_path / "policy.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Refuse) as caught:
        read_policy(track_at(path), ())
    assert caught.value.code == code and caught.value.advice


def test_a_policy_that_may_be_followed(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(POLICY)
    read = read_policy(track_at(path), ())
    assert read.text == POLICY and read.policy.approved.by == "data protection officer"
    assert len(read.sha256) == 64 and read.signed_by is None


def test_where_the_box_knows_approvers_one_of_them_must_have_signed(tmp_path: Path) -> None:
    key = SigningKey.generate(os.urandom(32), "edgeward.operator/officer")
    officer = OperatorConfig(name="officer", key=key.verifier_key, roles=("approver",))
    path, note = tmp_path / "policy.toml", tmp_path / "policy.note"
    path.write_text(POLICY.replace('"data protection officer"', '"officer"'))
    with pytest.raises(Refuse) as caught:
        read_policy(track_at(path), (officer,))
    assert caught.value.code == "deid.unapproved"
    track = track_at(path).model_copy(update={"approval": note})
    with pytest.raises(Refuse) as caught:
        read_policy(track, (officer,))
    assert caught.value.code == "deid.bad-approval"
    signed = parse_policy(path.read_text())
    assert isinstance(signed, DeidPolicy)
    note.write_bytes(approve(signed, path.read_bytes(), key))
    assert read_policy(track, (officer,)).signed_by == "officer"
    path.write_text(path.read_text() + "# changed\n")
    with pytest.raises(Refuse) as caught:
        read_policy(track, (officer,))
    assert caught.value.code == "deid.unapproved"


def track_at(path: Path) -> DeidentifiedConfig:
    [channel] = good().channel
    track = track_of(channel)
    assert track is not None
    return track.model_copy(update={"policy": path})

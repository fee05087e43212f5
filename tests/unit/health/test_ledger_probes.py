"""What the checks ask of ledger and outbox, on real ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from agent.formats.config_v1 import AgentConfig
from agent.formats.config_witness import WitnessConfig
from agent.formats.ledger_v1 import BUNDLE, CHECKPOINT, LeafType
from agent.formats.signed_note import COSIGNATURE, parse
from agent.health.site import Skip
from agent.ledger.cosignature import cosign, verified
from agent.ledger.cosigned import CosignedHeads
from agent.ledger.log import Ledger, NewLeaf
from agent.ledger.signing import SigningKey, Verifier
from agent.link.outbox import Outbox
from agent.model.outgoing import Outgoing, Priority
from agent.model.times import NS_PER_S
from agent.runtime.check_device import enforces
from agent.runtime.check_ledger import OUTBOX_NAME, certificate, leaves_since, ledger_of, waiting, witnessed
from agent.vault.layout import LEDGER
from tests.fakes.clock import START_WALL_NS, FakeClock
from tests.fakes.histories import WITNESS, WITNESS_2
from tests.fakes.sites import healthy

MAIN = WitnessConfig(name="main", key=WITNESS.verifier_key)
KEY = SigningKey.generate(bytes(range(32)), "edgeward.box/test-box")


def grown(folder: Path, count: int) -> FakeClock:
    """One leaf per minute, the last one now."""
    clock = FakeClock()
    ledger = Ledger.open(folder, "test-box", KEY)
    leaves = []
    for number in range(count):
        clock.advance(60)
        leaves.append(NewLeaf(now=clock.now(), boot=1, type=LeafType.GAP, body={"number": number}))
    ledger.append_many(leaves)
    ledger.checkpoint(clock.now())
    ledger.close()
    return clock


@pytest.mark.parametrize("count", [1, 61, BUNDLE, BUNDLE + 5, 3 * BUNDLE + 1])
def test_recent_leaves_are_those_of_the_window_in_order(tmp_path: Path, count: int) -> None:
    clock = grown(tmp_path, count)
    found = leaves_since(tmp_path, clock.now().wall_ns - 3600 * NS_PER_S)
    assert [leaf.body["number"] for leaf in found] == list(range(max(0, count - 61), count))
    assert len(leaves_since(tmp_path, START_WALL_NS)) == count


def test_old_bundles_are_not_read(tmp_path: Path) -> None:
    clock = grown(tmp_path, 4 * BUNDLE)
    [oldest] = sorted(
        path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 10_000
    )[:1]
    oldest.write_bytes(b"damaged")
    assert len(leaves_since(tmp_path, clock.now().wall_ns - 3600 * NS_PER_S)) == 61


@pytest.mark.parametrize("seen", [0, 10, BUNDLE, BUNDLE + 40])
def test_the_first_leaf_that_no_witness_saw_says_how_long(tmp_path: Path, seen: int) -> None:
    box = healthy(tmp_path)
    directory = box.config.box.vault_dir / LEDGER
    clock = grown(directory, seen) if seen else FakeClock()
    if seen:
        note = (directory / CHECKPOINT).read_bytes()
        notes = parse(note)
        CosignedHeads(directory, "main").keep(
            verified(cosign(notes, WITNESS, 1), Verifier(WITNESS.verifier_key, COSIGNATURE), KEY.name), 0
        )
    ledger = Ledger.open(directory, "test-box", KEY)
    clock.advance(60)
    ledger.append_many([NewLeaf(now=clock.now(), boot=1, type=LeafType.GAP, body={})] * 3)
    ledger.close()
    clock.advance(5000)
    config = box.config.model_copy(
        update={"witness": (WitnessConfig(name="main", key=WITNESS.verifier_key),)}
    )
    found = witnessed(config, clock.now())
    assert (found.leaves, found.witnessed, found.waits_s) == (seen + 3, seen, 5000)


def test_a_head_that_another_key_cosigned_counts_for_nothing(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    directory = box.config.box.vault_dir / LEDGER
    clock = grown(directory, 5)
    note = cosign(parse((directory / CHECKPOINT).read_bytes()), WITNESS_2, 1)
    path = directory / "cosigned" / "main" / "newest"
    path.parent.mkdir(parents=True)
    path.write_bytes(note)
    config = box.config.model_copy(
        update={"witness": (WitnessConfig(name="main", key=WITNESS.verifier_key),)}
    )
    assert witnessed(config, clock.now()).witnessed == 0


def test_a_ledger_that_is_not_there_yet_is_too_early(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    (box.config.box.vault_dir / LEDGER).rmdir()
    with pytest.raises(Skip) as skip:
        ledger_of(box.config)
    assert skip.value.reason == "too-early"


def test_what_waits_is_counted_and_left_as_it_is(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    clock = FakeClock()
    outbox = Outbox.open(box.config.box.state_dir / OUTBOX_NAME, "test-box", "1")
    for number in range(3):
        message = Outgoing(entity="_", kind="e", type="gap", body={"n": number}, priority=Priority.EVENT)
        outbox.put(message, clock.now())
    clock.advance(7200)
    found = waiting(box.config, clock.now())
    assert (found.rows, found.refused) == (3, 0)
    assert found.oldest_age_s is not None and found.oldest_age_s >= 7200
    assert outbox.depth(clock.now()).total_rows == 3
    outbox.close()


def test_an_outbox_is_not_made_by_looking_for_it(tmp_path: Path) -> None:
    box = healthy(tmp_path)
    with pytest.raises(Skip) as skip:
        waiting(box.config, FakeClock().now())
    assert skip.value.reason == "too-early"
    assert not (box.config.box.state_dir / OUTBOX_NAME).exists()


def test_without_witness_or_certificate_they_are_not_configured(tmp_path: Path) -> None:
    config: AgentConfig = healthy(tmp_path).config
    for probe in (lambda: witnessed(config, FakeClock().now()), lambda: certificate(config)):
        with pytest.raises(Skip) as skip:
            probe()
        assert skip.value.reason == "not-configured"


@pytest.mark.parametrize(
    ("width", "rate"), [(1280, "25"), (64, "30000/1001"), (3840, "240")], ids=["720p", "small", "fast"]
)
def test_the_judge_lets_the_right_pass_and_catches_the_wrong(tmp_path: Path, width: int, rate: str) -> None:
    spec = healthy(tmp_path).config.channel[0].spec.model_copy(update={"width": width, "rate": rate})
    assert enforces(spec.to_spec()) == (True, True)


def test_a_judge_that_takes_any_rate_is_found(tmp_path: Path) -> None:
    """A spec whose tolerance is so wide that half the rate is no breach: its verdicts say nothing."""
    spec = healthy(tmp_path).config.channel[0].spec
    wide = spec.to_spec()
    assert enforces(wide) == (True, True)

    assert enforces(replace(wide, rate_tolerance=Fraction(1, 2)))[1] is False

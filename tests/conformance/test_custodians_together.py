"""Any k of n custodians: every choice of k opens, no fewer do; stock age and tar open the same by hand."""

from __future__ import annotations

import os
import shlex
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from agent.formats import capsule_v1
from agent.formats.capsule_v1 import Alternative, fingerprint
from agent.model.errors import Refuse
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import MAX_CAPSULE, make_capsule, open_capsule, unwrap_capsule
from agent.seal.custodians import check_custodians
from agent.seal.recording_key import KeyPair, new_key_pair
from agent.seal.suites import SUITES

KEY = new_key_pair(os.urandom)
PEOPLE = tuple(new_key_pair(os.urandom) for _ in range(4))
TICKET = new_key_pair(os.urandom)


def capsule(threshold: int, people: tuple[KeyPair, ...] = PEOPLE, ticket: KeyPair | None = None) -> bytes:
    recipients = [one.recipient for one in people]
    return make_capsule(KEY.identity, recipients, os.urandom, ticket.recipient if ticket else None, threshold)


def opened(data: bytes, *keys: KeyPair) -> str:
    return open_capsule(data, [key.identity for key in keys])


def refusal(data: bytes, *keys: KeyPair) -> Refuse:
    with pytest.raises(Refuse) as caught:
        opened(data, *keys)
    for secret in (KEY, TICKET, *PEOPLE):
        assert secret.identity[16:] not in caught.value.text + caught.value.advice
        assert fingerprint(secret.recipient) not in caught.value.text + caught.value.advice
    return caught.value


@pytest.mark.parametrize("threshold", [1, 2, 3, 4])
@pytest.mark.parametrize("ticket", [None, TICKET])
def test_every_choice_of_k_opens_and_no_fewer_do(threshold: int, ticket: KeyPair | None) -> None:
    data = capsule(threshold, ticket=ticket)
    extra = (ticket,) if ticket else ()
    for chosen in combinations(PEOPLE, threshold):
        assert opened(data, *reversed(chosen), *extra) == KEY.identity
    for chosen in combinations(PEOPLE, threshold - 1):
        code = refusal(data, *chosen, *extra).code
        assert code == ("seal.more-keys" if chosen else "seal.no-matching-key")
    assert opened(data, *PEOPLE, *extra) == KEY.identity


@pytest.mark.parametrize("suite", [suite.NAME for suite in SUITES])
def test_both_suites(suite: str) -> None:
    key = new_key_pair(os.urandom, suite)
    people = [new_key_pair(os.urandom, suite) for _ in range(3)]
    data = make_capsule(key.identity, [one.recipient for one in people], os.urandom, None, 2)
    assert open_capsule(data, [people[2].identity, people[0].identity]) == key.identity
    with pytest.raises(Refuse) as caught:
        open_capsule(data, [people[1].identity])
    assert caught.value.code == "seal.more-keys"


def test_the_refusal_says_how_many_more_and_not_whose() -> None:
    data = capsule(3)
    assert "3 custodians must open this together" in refusal(data, PEOPLE[0]).text
    assert "2 more needed" in refusal(data, PEOPLE[0]).text
    assert "1 more needed" in refusal(data, PEOPLE[0], PEOPLE[3]).text
    assert "1 more needed" in refusal(data, PEOPLE[0], PEOPLE[3], KEY).text, "a stranger's key does not count"


def test_one_person_twice_is_one_person() -> None:
    assert "1 more needed" in refusal(capsule(2), PEOPLE[1], PEOPLE[1], PEOPLE[1]).text
    twice = (PEOPLE[0], PEOPLE[1], PEOPLE[0])
    with pytest.raises(Refuse) as caught:
        capsule(2, twice)
    assert caught.value.code == "seal.repeated-recipient"


def test_without_the_ticket_all_custodians_together_open_nothing() -> None:
    data = capsule(2, ticket=TICKET)
    assert refusal(data, *PEOPLE).code == "seal.no-matching-key"
    inner = unwrap_capsule(data, TICKET.identity)
    assert opened(inner, PEOPLE[0], PEOPLE[2]) == KEY.identity
    assert refusal(inner, PEOPLE[0]).code == "seal.more-keys"


def test_a_layer_that_one_custodian_peeled_is_opened_by_the_next() -> None:
    """Nobody has to hand over a key: the file goes from hand to hand, as under a ticket."""
    [first, *_] = capsule_v1.decode(open_bytes(capsule(2), [PEOPLE[3].identity]))
    rest = open_bytes(first.sealed, [PEOPLE[0].identity])
    assert opened(rest, PEOPLE[1]) == KEY.identity
    assert refusal(rest, PEOPLE[0], PEOPLE[2], PEOPLE[3]).code == "seal.no-matching-key"


@pytest.mark.parametrize(
    ("count", "threshold", "code"),
    [
        (0, 1, "seal.no-recipient"),
        (1, 2, "seal.too-few-custodians"),
        (2, 0, "seal.too-few-custodians"),
        (12, 2, "seal.too-many-alternatives"),
        (8, 4, "seal.too-many-alternatives"),
        (9, 8, "seal.too-many-alternatives"),
        (8, 8, "seal.too-many-alternatives"),
    ],
)
def test_what_can_not_be_built_is_refused(count: int, threshold: int, code: str) -> None:
    with pytest.raises(Refuse) as caught:
        check_custodians([f"age1{number}" for number in range(count)], threshold)
    assert caught.value.code == code


@pytest.mark.parametrize(("count", "threshold"), [(1, 1), (60, 1), (11, 2), (8, 3), (8, 5), (7, 7)])
def test_what_can(count: int, threshold: int) -> None:
    check_custodians([f"age1{number}" for number in range(count)], threshold)


def test_the_largest_capsule_of_the_larger_suite_fits() -> None:
    key = new_key_pair(os.urandom, SUITES[1].NAME)
    people = [new_key_pair(os.urandom, SUITES[1].NAME) for _ in range(8)]
    recipients = [one.recipient for one in people]
    data = make_capsule(key.identity, recipients, os.urandom, people[0].recipient, 5)
    assert len(data) < 600_000 < capsule_v1.MAX_CONTAINER
    assert open_capsule(data, [one.identity for one in people[3:]] + [people[0].identity]) == key.identity


def sealed_container(*alternatives: Alternative) -> bytes:
    return seal_bytes(capsule_v1.encode(alternatives), [one.recipient for one in PEOPLE], os.urandom)


def nested(*people: KeyPair) -> bytes:
    data = KEY.identity.encode() + b"\n"
    for one in reversed(people):
        data = seal_bytes(data, [one.recipient], os.urandom)
    return data


def keys(*people: KeyPair) -> tuple[str, ...]:
    return tuple(fingerprint(one.recipient) for one in people)


def test_a_name_that_lies_is_refused() -> None:
    one, two, three, _ = PEOPLE
    wrong = sealed_container(Alternative(keys=keys(one, two), sealed=nested(one, three)))
    assert refusal(wrong, one, two).code == "seal.bad-container"
    swapped = sealed_container(Alternative(keys=keys(two, one), sealed=nested(one, two)))
    assert refusal(swapped, one, two).code == "seal.bad-container"


def test_a_damaged_container_is_refused() -> None:
    one, two, *_ = PEOPLE
    good = capsule_v1.encode([Alternative(keys=keys(one, two), sealed=nested(one, two))])
    for plain in (good[:-1], good[:600], good + good, good.replace(b"0000400", b"0000777")):
        sealed = seal_bytes(plain, [one.recipient], os.urandom)
        assert refusal(sealed, one, two).code == "seal.bad-container"
    at = len(good) - 1100  # in the member's padding or its last chunk
    flipped = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
    code = refusal(seal_bytes(flipped, [one.recipient], os.urandom), one, two).code
    assert code in ("seal.bad-container", "seal.truncated", "seal.corrupt")
    assert refusal(bytes(MAX_CAPSULE + 1), one).code == "seal.bad-capsule"


@pytest.mark.requires("age")
@pytest.mark.parametrize("ticket", [None, TICKET])
def test_stock_age_and_tar_open_it_by_hand(tmp_path: Path, ticket: KeyPair | None) -> None:
    """docs/formats/sealed-v1.md, Opening without our software."""
    (tmp_path / "capsule.age").write_bytes(capsule(2, ticket=ticket))
    for name, pair in {"a": PEOPLE[0], "b": PEOPLE[2], "ticket": TICKET}.items():
        (tmp_path / f"{name}.txt").write_text(pair.identity + "\n")
    member = "+".join(keys(PEOPLE[0], PEOPLE[2])) + ".age"

    def shell(command: str) -> bytes:
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, check=True
        )
        return done.stdout

    outer = "age -d -i ticket.txt capsule.age" if ticket else "cat capsule.age"
    container = f"{outer} | age -d -i b.txt"
    assert member in shell(f"{container} | tar -tf -").decode().splitlines()
    fingerprinted = (
        shell(f"printf %s {shlex.quote(PEOPLE[0].recipient)} | sha256sum | cut -c1-12").decode().strip()
    )
    assert fingerprinted == member[:12]
    command = f"{container} | tar -xOf - {member} | age -d -i a.txt | age -d -i b.txt > rk.txt"
    shell(command)
    assert (tmp_path / "rk.txt").read_text() == KEY.identity + "\n"
    (tmp_path / "a.txt").write_text(PEOPLE[1].identity + "\n")
    with pytest.raises(subprocess.CalledProcessError):
        shell(command)


@pytest.mark.requires("age")
def test_we_do_not_take_a_container_that_another_tar_wrote(tmp_path: Path) -> None:
    """One spelling: what our box did not write is not opened as if it had."""
    one, two, *_ = PEOPLE
    member = "+".join(keys(one, two)) + ".age"
    (tmp_path / member).write_bytes(nested(one, two))
    made = subprocess.run(["tar", "-cf", "-", member], cwd=tmp_path, capture_output=True, check=True).stdout
    sealed = seal_bytes(made, [one.recipient], os.urandom)
    assert refusal(sealed, one, two).code in ("seal.bad-container", "seal.bad-capsule")

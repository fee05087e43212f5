"""The post-quantum suite: against typage, malformed stanzas, bad keys, mixing, the library it stands on."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from agent.formats import age_v1, bech32
from agent.formats.age_v1 import CHUNK, Header, Stanza, encode_base64
from agent.model.errors import Refuse
from agent.seal import suites, xwing
from agent.seal.age_keys import header_mac
from agent.seal.age_reader import open_bytes
from agent.seal.age_writer import AgeWriter, seal_bytes
from agent.seal.capsule import check_recipient, make_capsule, open_capsule, read_identity_file
from agent.seal.recording_key import new_key_pair
from agent.seal.suites import age_mlkem768x25519, age_x25519

TYPAGE = Path(__file__).parents[1] / "tools" / "npm" / "typage.mjs"
BORDERS = (0, CHUNK, 2 * CHUNK + 1)
SUITE = age_mlkem768x25519.NAME
# The same in every process, because they are in the names of tests.
KEY = new_key_pair(lambda count: b"\x17" * count, SUITE)
OTHER = new_key_pair(lambda count: b"\x18" * count, SUITE)
CLASSIC = new_key_pair(lambda count: b"\x19" * count)
PUBLISHED = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
PUBLIC = bech32.decode(KEY.recipient)[1]


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """The code and the whole printed error of what `call` refuses."""
    with pytest.raises(Refuse) as caught:
        call()
    return caught.value.code, "".join(traceback.format_exception_only(caught.value)) + caught.value.advice


def sealed_with(*stanzas: Stanza) -> bytes:
    """A header with a right MAC around any stanzas, and no payload."""
    return age_v1.encode(Header(stanzas, header_mac(bytes(16), age_v1.covered(stanzas))))


def test_the_version_whose_unpublished_parts_we_use() -> None:
    """Another version: run this folder, look at agent/seal/xwing.py, then write the new version here."""
    assert importlib.metadata.version("pycryptodome") == "4.4.0"
    root = Path(__file__).parents[2]
    for lock in ("requirements.lock", "requirements-dev.lock"):
        assert "\npycryptodome==4.4.0 " in "\n" + (root / lock).read_text()


def test_the_npm_lock_names_hashes_and_no_host() -> None:
    lock = (TYPAGE.parent / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert "://" not in lock and "resolved" not in lock
    assert all("integrity" in entry for name, entry in packages.items() if name)
    assert {f"node_modules/{name}" for name in ("age-encryption", "cctv-age")} <= set(packages)


def test_published_pair_of_age() -> None:
    recipient = age_mlkem768x25519.recipient_of(PUBLISHED)
    # The checksum at the end covers all 1 959 letters.
    assert recipient.startswith("age1pq1x34nzsvr0rxjsgdn8zgyhfe8j7ceq5r9rdelkjuh3y235jzxshfg87pz")
    assert recipient.endswith("3tlhl53k2ykx3qheyty7saeq0d3fzv49zc0k")
    assert len(recipient) == 1959


def typage(command: str, *arguments: str, data: bytes) -> bytes:
    done = subprocess.run(
        ["node", str(TYPAGE), command, *arguments], input=data, capture_output=True, check=True
    )
    return done.stdout


@pytest.mark.requires("node packages")
@pytest.mark.parametrize("size", BORDERS)
def test_typage_both_ways(size: int, tmp_path: Path) -> None:
    plain = os.urandom(size)
    key_file = tmp_path / "rk.txt"
    key_file.write_text(f"# a comment\n{KEY.identity}\n")
    sealed = seal_bytes(plain, [OTHER.recipient, KEY.recipient], os.urandom)
    assert typage("decrypt", str(key_file), data=sealed) == plain
    theirs = typage("encrypt", OTHER.recipient, KEY.recipient, data=plain)
    assert open_bytes(theirs, [KEY.identity]) == plain


@pytest.mark.requires("node packages")
def test_typage_both_ways_with_the_other_suite(tmp_path: Path) -> None:
    (tmp_path / "rk.txt").write_text(CLASSIC.identity + "\n")
    sealed = seal_bytes(b"video", [CLASSIC.recipient], os.urandom)
    assert typage("decrypt", str(tmp_path / "rk.txt"), data=sealed) == b"video"
    assert open_bytes(typage("encrypt", CLASSIC.recipient, data=b"video"), [CLASSIC.identity]) == b"video"


@pytest.mark.requires("node packages")
def test_a_key_pair_of_typage() -> None:
    identity, recipient = typage("keygen", data=b"").decode("ascii").split()
    assert age_mlkem768x25519.recipient_of(identity) == recipient
    assert open_bytes(seal_bytes(b"x", [recipient], os.urandom), [identity]) == b"x"


def test_header_cost() -> None:
    assert len(AgeWriter([KEY.recipient], os.urandom).begin().data) == 1643
    assert len(AgeWriter([KEY.recipient] * 2, os.urandom).begin().data) == 1643 + 1557
    assert len(AgeWriter([CLASSIC.recipient], os.urandom).begin().data) == 184


def test_the_capsule_of_a_level_five_recording() -> None:
    recording = new_key_pair(os.urandom, SUITE)
    capsule = make_capsule(recording.identity, [OTHER.recipient, KEY.recipient], os.urandom)
    for custodian in (KEY, OTHER):
        assert open_capsule(capsule, [custodian.identity]) == recording.identity
    assert refusal(lambda: open_capsule(capsule, [CLASSIC.identity]))[0] == "seal.no-matching-key"


def test_suites_are_never_mixed_in_one_file() -> None:
    for mixed in ([KEY.recipient, CLASSIC.recipient], [CLASSIC.recipient, KEY.recipient]):
        code, printed = refusal(partial(AgeWriter, mixed, os.urandom))
        assert code == "seal.mixed-recipients"
        assert all(recipient[8:40] not in printed for recipient in mixed)
    for pair, custodian in ((KEY, CLASSIC), (CLASSIC, KEY)):
        made = partial(make_capsule, pair.identity, [custodian.recipient], os.urandom)
        assert refusal(made)[0] == "seal.mixed-recipients"
    assert refusal(lambda: AgeWriter([KEY.recipient], os.urandom, "age-x25519"))[0] == "seal.mixed-recipients"


def test_levels_and_their_suites() -> None:
    assert [suites.for_level(level).NAME for level in (1, 2, 3, 4, 5)] == ["age-x25519"] * 4 + [SUITE]
    for level in (0, 6, -1):
        assert refusal(partial(suites.for_level, level))[0] == "seal.unknown-level"
    both = (CLASSIC.recipient, KEY.recipient)
    assert suites.of_suite(both, suites.for_level(5)) == (KEY.recipient,)
    assert suites.of_suite(both, suites.for_level(4)) == (CLASSIC.recipient,)
    assert refusal(lambda: suites.of_suite(["age1x"], suites.for_level(5)))[0] == "seal.bad-recipient"


SHARE = encode_base64(bytes(1088) + b"\x09" + bytes(31))


@pytest.mark.parametrize(
    "stanza",
    [
        Stanza("mlkem768x25519", (), bytes(32)),
        Stanza("mlkem768x25519", (SHARE, "x"), bytes(32)),
        Stanza("mlkem768x25519", (encode_base64(bytes(1119)),), bytes(32)),
        Stanza("mlkem768x25519", (encode_base64(bytes(1121)),), bytes(32)),
        Stanza("mlkem768x25519", (SHARE + "=",), bytes(32)),
        Stanza("mlkem768x25519", (SHARE[:-1] + "B",), bytes(32)),  # unused bits
        Stanza("mlkem768x25519", (SHARE,), bytes(31)),
        Stanza("mlkem768x25519", (SHARE,), bytes(33)),
        Stanza("mlkem768x25519", (encode_base64(bytes(1120)),), bytes(32)),  # low order
        Stanza("scrypt", ("A" * 22, "18"), bytes(32)),  # must stand alone
    ],
)
def test_a_malformed_stanza_refuses_the_file_even_beside_a_good_one(stanza: Stanza) -> None:
    good = age_mlkem768x25519.wrap(bytes(16), KEY.recipient, os.urandom)
    for pair in ((stanza, good), (good, stanza)):
        assert refusal(partial(open_bytes, sealed_with(*pair), [KEY.identity]))[0] == "seal.age-header"


def test_stanzas_of_other_types_are_ignored() -> None:
    good = age_mlkem768x25519.wrap(bytes(16), KEY.recipient, os.urandom)
    others = [
        Stanza("x-grease", ("a", "b"), os.urandom(100)),
        Stanza("MLKEM768X25519", (SHARE,), bytes(32)),
        Stanza("X25519", (), b""),  # malformed, but not for this identity to judge
        age_x25519.wrap(bytes(16), CLASSIC.recipient, os.urandom),
    ]
    data = sealed_with(*others, good)
    assert refusal(lambda: open_bytes(data, [KEY.identity]))[0] == "seal.truncated"
    assert refusal(lambda: open_bytes(sealed_with(*others), [KEY.identity]))[0] == "seal.no-matching-key"


def test_both_suites_are_tried_with_all_identities() -> None:
    identities = [OTHER.identity, CLASSIC.identity, KEY.identity]
    for pair in (KEY, CLASSIC):
        assert open_bytes(seal_bytes(b"x", [pair.recipient], os.urandom), identities) == b"x"


OUT_OF_RANGE = b"\xff\xff\xff" + PUBLIC[3:]


@pytest.mark.parametrize(
    "text",
    [KEY.recipient.upper(), KEY.recipient + " ", KEY.recipient[:-1], KEY.identity,
     bech32.encode("age1pq", PUBLIC[:-1]), bech32.encode("age1pq", PUBLIC + b"\0"),
     bech32.encode("age1pq", OUT_OF_RANGE), bech32.encode("age1pq", PUBLIC[:-32] + bytes(32)),
     bech32.encode("age", PUBLIC), bech32.encode("age1tagpq", PUBLIC), bech32.encode("age1pq", b"")],
)  # fmt: skip
def test_what_is_not_a_recipient(text: str) -> None:
    code, printed = refusal(lambda: check_recipient(text))
    assert code == "seal.bad-recipient"
    assert text[20:40] not in printed or len(text) < 40
    assert KEY.identity[18:40] not in printed


@pytest.mark.parametrize(
    "bad",
    [KEY.identity[:-1], KEY.identity.lower(), KEY.identity + " ", KEY.recipient,
     bech32.encode("AGE-SECRET-KEY-PQ-", bytes(31)), bech32.encode("AGE-SECRET-KEY-PQ-", bytes(33)),
     bech32.encode("AGE-SECRET-KEY-", PUBLIC[:33])],
)  # fmt: skip
def test_what_is_not_an_identity(bad: str) -> None:
    code, printed = refusal(lambda: read_identity_file(f"{CLASSIC.identity}\n{KEY.identity}\n{bad}\n"))
    assert code == "seal.bad-identity"
    assert "line 3" in printed
    for secret in (bad.strip()[20:40], KEY.identity[20:40], CLASSIC.identity[20:40]):
        assert secret.lower() not in printed.lower()


def test_identity_files_may_hold_both_kinds() -> None:
    assert read_identity_file(f"{CLASSIC.identity}\n{KEY.identity}\n") == (CLASSIC.identity, KEY.identity)


def test_our_randomness_is_used_and_all_of_it() -> None:
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return bytes([len(asked)]) * count

    first = xwing.seal(PUBLIC, b"file key 16 byte", b"info", random)
    assert asked == [32, 32]
    asked.clear()
    assert xwing.seal(PUBLIC, b"file key 16 byte", b"info", random) == first
    with pytest.raises(RuntimeError):
        xwing.seal(PUBLIC, b"", b"", lambda count: bytes(count - 1))
    assert xwing.unseal(bech32.decode(KEY.identity)[1], *first, b"info") == b"file key 16 byte"
    assert xwing.unseal(bech32.decode(KEY.identity)[1], *first, b"other info") is None


def test_no_key_material_repeats_between_files() -> None:
    first, second = (seal_bytes(b"same", [KEY.recipient], os.urandom) for _ in range(2))
    assert first.split(b"\n")[1] != second.split(b"\n")[1]
    assert first[-40:] != second[-40:]


def test_repr_hides_the_identity() -> None:
    assert KEY.identity[18:] not in repr(KEY)

"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/capsule-v1/make_vectors.py` rewrites every case, byte for byte the same: all
keys come from counters and are never to be used.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.formats import capsule_v1
from agent.formats.capsule_v1 import Alternative, fingerprint
from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import make_capsule
from agent.seal.recording_key import KeyPair, new_key_pair

HERE = Path(__file__).parent
PQ = "age-mlkem768x25519"


def counted(label: str) -> Callable[[int], bytes]:
    """Repeatable bytes: SHA-256 of the label and a counter, cut to size."""
    calls = 0

    def random(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.sha256(f"{label} {calls}".encode("ascii")).digest()[:count]

    return random


KEYS = {name: new_key_pair(counted(name)) for name in ("recording", "ticket", "a", "b", "c")}
KEYS |= {name: new_key_pair(counted(name), PQ) for name in ("recording-pq", "pq-a", "pq-b", "pq-c")}


def keep(case: str, capsule: bytes, keys: Sequence[str], expected: str, why: str) -> None:
    """Writes one case: `keys` are given with -i, in this order."""
    assert case.endswith("_fail") == (expected != "ok")
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "capsule.age").write_bytes(capsule)
    (folder / "keys").write_text("".join(f"{name}\n" for name in keys))
    (folder / "expected").write_text(expected + "\n")
    (folder / "README").write_text(why + "\n")


def people(*names: str) -> list[KeyPair]:
    return [KEYS[name] for name in names]


def recipients(*names: str) -> list[str]:
    return [KEYS[name].recipient for name in names]


def container(case: str, plain: bytes) -> bytes:
    """`plain` in the place of the container, under the custodians' own layer."""
    return seal_bytes(plain, recipients("a", "b", "c"), counted(case))


def nested(case: str, *names: str) -> bytes:
    data = KEYS["recording"].identity.encode() + b"\n"
    random = counted(f"{case} nested")
    for name in reversed(names):
        data = seal_bytes(data, recipients(name), random)
    return data


def alternative(case: str, *names: str, named: Sequence[str] | None = None) -> Alternative:
    keys = tuple(fingerprint(one.recipient) for one in people(*(named or names)))
    return Alternative(keys=keys, sealed=nested(case, *names))


def tar(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    """One member as another program would write it, with our mode."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.mode, info.type, info.linkname = 0o400, kind, "/etc/passwd" if kind != tarfile.REGTYPE else ""
        archive.addfile(info)
    return buffer.getvalue()


def whole() -> None:
    """Capsules as a box makes them."""
    identity, three = KEYS["recording"].identity, recipients("a", "b", "c")
    two = make_capsule(identity, three, counted("any_2_of_3"), None, 2)
    keep("any_2_of_3", two, ["c", "a"], "ok", "Two of three, in any order.")
    keep("one_key_fail", two, ["b"], "seal.more-keys", "One of two.")
    keep("one_key_twice_fail", two, ["b", "b"], "seal.more-keys", "One person twice is one person.")
    keep("strangers_fail", two, ["ticket", "pq-a"], "seal.no-matching-key", "Keys of other people.")
    every = make_capsule(identity, three, counted("all_3_of_3"), None, 3)
    keep("all_3_of_3", every, ["a", "b", "c"], "ok", "All of three: one alternative.")
    keep("two_of_3_of_3_fail", every, ["a", "c"], "seal.more-keys", "One is wanting.")
    ticket = make_capsule(identity, three, counted("ticket_2_of_3"), KEYS["ticket"].recipient, 2)
    keep("ticket_2_of_3", ticket, ["b", "c", "ticket"], "ok", "Under a ticket.")
    keep("without_ticket_fail", ticket, ["a", "b", "c"], "seal.no-matching-key", "The ticket is destroyed.")
    hybrid = make_capsule(
        KEYS["recording-pq"].identity, recipients("pq-a", "pq-b", "pq-c"), counted("hybrid_2_of_3"), None, 2
    )
    keep("hybrid_2_of_3", hybrid, ["pq-b", "pq-c"], "ok", "Level 5.")


def damaged() -> None:
    """Containers that no box of ours wrote, under a sound outer layer."""
    bad = "seal.bad-container"

    def case(name: str, plain: bytes, why: str) -> None:
        keep(name, container(name, plain), ["a", "b"], bad, why)

    good = capsule_v1.encode([alternative("good", "a", "b"), alternative("good", "a", "c")])
    case("cut_fail", good[:-1], "The last byte is missing.")
    case("trailing_fail", good + bytes(512), "A third block of zeros.")
    case("other_mode_fail", good.replace(b"0000400", b"0000777"), "A member that could be run.")
    case("path_name_fail", tar("../../../tmp/x"), "A path in place of fingerprints.")
    case("link_fail", tar(f"{'a' * 12}+{'b' * 12}.age", tarfile.SYMTYPE), "A symbolic link.")
    lies = capsule_v1.encode([alternative("name_lies_fail", "a", "c", named=("a", "b"))])
    case("name_lies_fail", lies, "A member that is not sealed to the keys of its name.")
    empty = bytes(1024)
    keep(
        "empty_fail", container("empty_fail", empty), ["a", "b"], "seal.bad-capsule", "An archive of nothing."
    )


if __name__ == "__main__":
    for name, pair in KEYS.items():
        (HERE / f"{name}.txt").write_text(f"# made from a counter, for tests only\n{pair.identity}\n")
    whole()
    damaged()

"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/sealed-v1/make_vectors.py [x25519] [hybrid]` rewrites the cases of both
suites, or of those named. What stock age and typage sealed changes with each run (they draw their own
randomness), the `writer_*` cases don't. The hybrid cases need `tests/tools/install-programs` first.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from agent.formats.age_v1 import decode_base64, encode_base64
from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import make_capsule
from agent.seal.suites.age_mlkem768x25519 import recipient_of

HERE = Path(__file__).parent
TYPAGE = HERE.parents[1] / "tools" / "npm" / "typage.mjs"
# The published example identity of age.md (tag age/v1.1.0): not a secret.
IDENTITY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
# The published post-quantum identity of the same document.
HYBRID_IDENTITY = "AGE-SECRET-KEY-PQ-1XX76JRALNLXDMEW0CRK45QMCCH4X06SE84UN3VPM33W6HWDX0H3SK3ZQFR"
HYBRID_RECIPIENT = recipient_of(HYBRID_IDENTITY)
HELLO = b"hello, ward 3\n"
TWO = bytes(range(256)) * 257  # 65 792 bytes: one whole chunk and 256 bytes


def counted(label: str) -> Callable[[int], bytes]:
    """Repeatable bytes for vectors: SHA-256 of the label and a counter, cut to size. Never for real keys."""
    calls = 0

    def random(count: int) -> bytes:
        nonlocal calls
        calls += 1
        return hashlib.sha256(f"{label} {calls}".encode("ascii")).digest()[:count]

    return random


def stock(plain: bytes) -> bytes:
    """Sealed by the `age` program in PATH."""
    return subprocess.run(["age", "-r", RECIPIENT], input=plain, capture_output=True, check=True).stdout


def typage(plain: bytes, *recipients: str) -> bytes:
    """Sealed by npm's age-encryption."""
    command = ["node", str(TYPAGE), "encrypt", *recipients]
    return subprocess.run(command, input=plain, capture_output=True, check=True).stdout


def keep(case: str, sealed: bytes, plain: bytes, result: str = "ok") -> None:
    """Writes one case: the file and what a strict reader must say. `plain` is the verified prefix."""
    folder = HERE / case
    folder.mkdir(exist_ok=True)
    (folder / "sealed.age").write_bytes(sealed)
    expected = {
        "result": result,
        "verified_bytes": len(plain),
        "verified_sha256": hashlib.sha256(plain).hexdigest(),
    }
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="ascii")


def x25519() -> None:
    """The cases of `age-x25519`."""
    (HERE / "identity.txt").write_text(
        f"# published in age.md, for tests only\n{IDENTITY}\n", encoding="ascii"
    )
    hello, two = HELLO, TWO
    small, big = stock(hello), stock(two)
    head = small.index(b"\n---")
    mac_end = small.index(b"\n", head + 1) + 1
    big_payload = big.index(b"\n", big.index(b"\n---") + 1) + 1 + 16
    keep("stock_hello", small, hello)
    keep("stock_empty", stock(b""), b"")
    keep("writer_two_chunks", seal_bytes(two, [RECIPIENT], counted("writer_two_chunks")), two)
    capsule = make_capsule(IDENTITY, [RECIPIENT], counted("writer_capsule"))
    keep("writer_capsule", capsule, IDENTITY.encode("ascii") + b"\n")
    keep("cut_in_chunk_fail", big[:-1], two[:65_536], "seal.truncated")
    keep("cut_at_chunk_border_fail", big[: big_payload + 65_552], two[:65_536], "seal.truncated")
    keep("cut_in_header_fail", small[: head - 5], b"", "seal.truncated")
    flipped = bytearray(big)
    flipped[big_payload + 7] ^= 1
    keep("bit_flipped_in_chunk_fail", bytes(flipped), b"", "seal.corrupt")
    keep("stanza_without_body_fail", small[: head - 43] + small[head + 1 :], b"", "seal.age-header")
    keep(
        "header_crlf_fail", small[:mac_end].replace(b"\n", b"\r\n") + small[mac_end:], b"", "seal.age-header"
    )
    other_mac = small[: mac_end - 44] + b"A" * 43 + small[mac_end - 1 :]
    keep("other_mac_fail", other_mac, b"", "seal.corrupt")
    share_at = small.index(b"X25519 ") + 7
    keep(
        "low_order_share_fail", small[:share_at] + b"A" * 43 + small[share_at + 43 :], b"", "seal.age-header"
    )
    alien = subprocess.run(["age-keygen"], capture_output=True, check=True).stdout.decode("ascii")
    to = subprocess.run(["age-keygen", "-y"], input=alien.encode("ascii"), capture_output=True, check=True)
    sealed = subprocess.run(
        ["age", "-r", to.stdout.decode("ascii").strip()], input=hello, capture_output=True, check=True
    )
    keep("other_recipient_fail", sealed.stdout, b"", "seal.no-matching-key")


def hybrid() -> None:
    """The cases of `age-mlkem768x25519`."""
    note = "# published in age.md, for tests only"
    (HERE / "identity-post-quantum.txt").write_text(f"{note}\n{HYBRID_IDENTITY}\n", encoding="ascii")
    small, big = typage(HELLO, HYBRID_RECIPIENT), typage(TWO, HYBRID_RECIPIENT)
    keep("typage_hybrid_hello", small, HELLO)
    keep("typage_hybrid_two_chunks", big, TWO)
    keep("typage_both_suites", typage(HELLO, RECIPIENT, HYBRID_RECIPIENT), HELLO)
    ours = seal_bytes(TWO, [HYBRID_RECIPIENT], counted("writer_hybrid_two_chunks"))
    keep("writer_hybrid_two_chunks", ours, TWO)
    capsule = make_capsule(HYBRID_IDENTITY, [HYBRID_RECIPIENT], counted("writer_hybrid_capsule"))
    keep("writer_hybrid_capsule", capsule, HYBRID_IDENTITY.encode("ascii") + b"\n")
    keep("hybrid_cut_in_chunk_fail", big[:-1], TWO[:65_536], "seal.truncated")
    start, end = small.index(b"x25519 ") + 7, small.index(b"\n", 30)
    share = decode_base64(small[start:end].decode("ascii"))

    def with_share(changed: bytes) -> bytes:
        return small[:start] + encode_base64(changed).encode("ascii") + small[end:]

    bad = "seal.age-header"
    keep("hybrid_low_order_share_fail", with_share(share[:-32] + bytes(32)), b"", bad)
    keep("hybrid_short_share_fail", with_share(share[:-1]), b"", bad)
    keep("hybrid_two_arguments_fail", small[:end] + b" x" + small[end:], b"", bad)
    body_end = small.index(b"\n---")
    longer = encode_base64(bytes(33)).encode("ascii")
    keep("hybrid_body_of_33_fail", small[: end + 1] + longer + small[body_end:], b"", bad)
    flipped = bytes([share[0] ^ 1]) + share[1:]
    keep("hybrid_mlkem_part_changed_fail", with_share(flipped), b"", "seal.no-matching-key")
    other_mac = small[: body_end + 5] + b"A" * 43 + small[body_end + 48 :]
    keep("hybrid_other_mac_fail", other_mac, b"", "seal.corrupt")
    command = ["node", str(TYPAGE), "keygen"]
    alien = subprocess.run(command, capture_output=True, check=True).stdout.decode("ascii").split()[1]
    keep("hybrid_other_recipient_fail", typage(HELLO, alien), b"", "seal.no-matching-key")


def main() -> None:
    """Both suites, or those that are named."""
    named = sys.argv[1:] or ["x25519", "hybrid"]
    for name in named:
        {"x25519": x25519, "hybrid": hybrid}[name]()


if __name__ == "__main__":
    main()

"""How the vectors of this folder were made; run once from the repository's root, results are kept.

Contract: `python tests/vectors/sealed-v1/make_vectors.py` rewrites every case. The stock cases change with
each run (age draws its own randomness), the `writer_*` cases don't.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from agent.seal.age_writer import seal_bytes
from agent.seal.capsule import make_capsule

HERE = Path(__file__).parent
# The published example identity of age.md (tag age/v1.1.0): not a secret.
IDENTITY = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


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


def main() -> None:
    """All cases."""
    (HERE / "identity.txt").write_text(
        f"# published in age.md, for tests only\n{IDENTITY}\n", encoding="ascii"
    )
    hello = b"hello, ward 3\n"
    two = bytes(range(256)) * 257  # 65 792 bytes: one whole chunk and 256 bytes
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


if __name__ == "__main__":
    main()

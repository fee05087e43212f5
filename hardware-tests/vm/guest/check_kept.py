"""Compares the leaves that the host was told before power cuts with the ledger that survived them.

Guarantees: exit 0 only when every kept leaf is in the ledger at its place, unchanged, and the ledger's own
check finds nothing wrong under the box's key. Leaves out segments: `edgeward verify` does these. The
caller gives the state directory and a directory with files `<n>-<count>.tail`, each the bytes of a ledger
tail of which the leaves below number `count` were durable.
"""

from __future__ import annotations

import sys
from pathlib import Path

from agent.formats.ledger_v1 import Leaf, decode_leaf, split_entries
from agent.ledger.check import check_log, read_leaves


def kept_leaves(file: Path) -> list[Leaf]:
    """The durable leaves in one kept tail."""
    count = int(file.stem.partition("-")[2])
    leaves = (decode_leaf(entry) for entry in split_entries(file.read_bytes())[0])
    return [leaf for leaf in leaves if leaf.n < count]


def main() -> int:
    """Prints facts for the host."""
    state, kept = Path(sys.argv[1]), Path(sys.argv[2])
    ledger = state / "vault" / "ledger"
    found = {leaf.n: leaf for leaf in read_leaves(ledger)}
    wanted = {leaf.n: leaf for file in sorted(kept.glob("*.tail")) for leaf in kept_leaves(file)}
    lost = sorted(n for n, leaf in wanted.items() if found.get(n) != leaf)
    report = check_log(ledger, (state / "signing.vkey").read_text(encoding="utf-8").strip())
    sys.stdout.write(f"FACT leaves_kept={len(wanted)}\nFACT leaves_found={len(found)}\n")
    sys.stdout.write(f"FACT leaves_lost={len(lost)}\n")
    for problem in report.problems:
        sys.stdout.write(f"WRONG {problem.code}: {problem.text}\n")
    return 0 if wanted and not lost and report.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""Reports Python files over 400 lines and fails on one over 500: split by meaning before that."""

from __future__ import annotations

import sys
from pathlib import Path

REPORT_ABOVE = 400
FAIL_ABOVE = 500


def main() -> int:
    root = Path(__file__).resolve().parents[2]
    too_long = 0
    for folder in ("agent", "tests", "hardware-tests"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > REPORT_ABOVE:
                sys.stdout.write(f"{lines} lines: {path.relative_to(root)}\n")
                too_long += lines > FAIL_ABOVE
    sys.stdout.write("file lengths: " + ("too long\n" if too_long else "ok\n"))
    return 1 if too_long else 0


if __name__ == "__main__":
    raise SystemExit(main())

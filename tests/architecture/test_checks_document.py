"""docs/checks.md has the catalogue as it is."""

from __future__ import annotations

from pathlib import Path

from agent.health.checks import CHECKS
from agent.model.finding import Profile

DOCUMENT = Path(__file__).parents[2] / "docs" / "checks.md"


def test_the_catalogue_is_that_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in DOCUMENT.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
    ]
    assert rows == [
        [
            f"`{check.id}`",
            check.owner.value,
            ", ".join(profile.value for profile in Profile if profile in check.profiles),
            " ".join(mark for mark, is_so in (("ch", check.per_channel), ("!", check.required)) if is_so),
            ", ".join(f"`{message}`" for message in check.messages if message != "good"),
        ]
        for check in CHECKS
    ]

"""The policy's page: its example is a good policy, and its tables say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from agent.deid.text_model import TEXT_PROFILES
from agent.formats.deid_policy_v1 import DeidPolicy, parse

PAGE = (Path(__file__).resolve().parents[3] / "docs/formats/deid-policy-v1.md").read_text(encoding="utf-8")


def test_the_example_is_a_good_policy() -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert isinstance(parse(example), DeidPolicy)


def test_every_key_of_the_file_is_explained() -> None:
    for name in DeidPolicy.model_fields:
        assert re.search(rf"`\[?\[?{name}[`.\]]", PAGE), name


def test_the_table_of_looks_for_text_is_the_codes() -> None:
    for profile in TEXT_PROFILES:
        sides = " and ".join(map(str, profile.sides))
        assert re.search(
            rf"\| `{profile.name}` \| {sides} \| {profile.every_s:g} s[^|]*\| {profile.before_s:g} s \| "
            rf"{profile.after_s:g} s \|",
            PAGE,
        )

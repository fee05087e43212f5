"""The manifest: one spelling, known fields checked, unknown ones kept, old ones read."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agent.formats import manifest_v1
from agent.model.errors import Refuse

GOOD: dict[str, Any] = {
    "v": 1,
    "recording": "01939f2a-7c00-7abc-8def-0123456789ab",
    "box": "box-1",
    "channel": "ch0",
    "opened": "2026-11-24T00:20:00.000000Z",
    "suite": "age-x25519",
    "recipient": "age1x",
    "custodians": ["age1y", "age1z"],
    "threshold": 2,
    "capsule_sha256": "ab" * 32,
    "spec": {"width": 1920, "height": 1080, "rate": "25", "codecs": ["h264"]},
    "category": "dt",
    "level": 4,
    "purpose": "test",
    "lawful_basis": "test",
    "retention": None,
    "retain_until": None,
}


def spelled(**changed: Any) -> bytes:
    return rfc8785.dumps({**GOOD, **changed}) + b"\n"


def refused(data: bytes) -> str:
    with pytest.raises(Refuse) as caught:
        manifest_v1.parse(data)
    assert caught.value.code == "manifest.bad"
    return caught.value.text


def test_a_manifest_comes_through_with_fields_that_nobody_knows() -> None:
    parsed = manifest_v1.parse(spelled(later={"x": [1]}))
    assert parsed.fields == {**GOOD, "later": {"x": [1]}}
    assert (parsed.manifest.level, parsed.manifest.threshold, parsed.manifest.ticket) == (4, 2, None)


def test_a_manifest_of_before_the_threshold_has_one_custodian_open() -> None:
    data = rfc8785.dumps({name: GOOD[name] for name in GOOD if name != "threshold"}) + b"\n"
    assert manifest_v1.parse(data).manifest.threshold == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2}, {"level": 0}, {"level": 6}, {"level": "4"}, {"level": True}, {"category": ""},
        {"capsule_sha256": "AB" * 32}, {"custodians": []}, {"custodians": "age1y"}, {"threshold": 0},
        {"opened": "2026-11-24"}, {"retention": "x"}, {"emergency": "no"}, {"purpose": None},
    ],
)  # fmt: skip
def test_a_wrong_field_is_named_and_its_value_is_not_told(changed: dict[str, Any]) -> None:
    [name] = changed
    text = refused(spelled(**changed))
    assert text.startswith(f"the manifest is not one of version 1: these fields are missing or wrong: {name}")


@pytest.mark.parametrize("name", ["recording", "suite", "capsule_sha256", "spec", "purpose"])
def test_a_missing_field_is_named(name: str) -> None:
    data = rfc8785.dumps({one: GOOD[one] for one in GOOD if one != name}) + b"\n"
    assert refused(data).endswith(f"missing or wrong: {name}")


def test_custodians_and_threshold_must_fit() -> None:
    assert "threshold is higher" in refused(spelled(threshold=3))
    assert "names a custodian twice" in refused(spelled(custodians=["age1y", "age1y"]))


@pytest.mark.parametrize("data", [spelled()[:-1], b" " + spelled(), spelled() + b"\n", b"", b"[]", b"\xff"])
def test_there_is_one_spelling(data: bytes) -> None:
    refused(data)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_else(data: bytes) -> None:
    refused(data)


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b'{"a":' * 50_000, b"{" + b" " * manifest_v1.MAX_BYTES + b"}"]
)
def test_deep_and_long_ones_are_refused(data: bytes) -> None:
    refused(data)

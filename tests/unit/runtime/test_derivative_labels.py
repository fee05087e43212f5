"""What a derivative says of itself: the same in leaf and manifest, and no word on who is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.formats import ipc_v1 as ipc
from agent.formats.ledger_v1 import MAX_LEAF
from agent.runtime.derivative_config import ReadPolicy
from agent.runtime.derivative_labels import derivation
from tests.fakes.derived_films import POLICY
from tests.fakes.face_films import policy

READY = ipc.DerivativeReady(
    policy_sha256="0c" * 32,
    profile="live",
    models=(ipc.ModelTold(name="centerface", version="1", sha256="0d" * 32),),
    limits=("Faces may be missed.",),
)
EDUCATION = POLICY.replace('"general"', '"education"') + '\n[education]\nhands = "gloves are worn"\n'
TEXT = POLICY.replace('text = false\ntext_absent = "drawn by a test"', "text = true")
ZONE = POLICY.replace('text_absent = "drawn by a test"\n', "") + (
    '\n[[zone]]\nx = "0"\ny = "0"\nwidth = "1/4"\nheight = "1/6"\n'
)


def said(text: str) -> Any:
    """A `Derivation`, whose JSON is looked into."""
    read = ReadPolicy(policy=policy(text), text=text, sha256="0c" * 32)
    return derivation("ch0", "01939f2a-7c00-7abc-8def-0123456789ab", read, READY)


def test_every_field_of_the_leaf_stands_in_the_manifest_with_the_same_value() -> None:
    found = said(POLICY)
    assert {name: found.manifest[name] for name in found.leaf} == found.leaf
    assert len(json.dumps(found.leaf)) < MAX_LEAF // 4
    assert found.leaf["deid_policy"] == {
        "id": "test",
        "version": 1,
        "sha256": "0c" * 32,
        "purpose": "general",
        "approved_by": "data protection officer",
        "approved_on": "2026-11-02",
        "approved_reference": "DPO-2026-17",
        "approval": "stated",
        "signed_by": None,
    }


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (POLICY, {"113100", "113102"}),
        (TEXT, {"113100", "113101", "113102"}),
        (ZONE, {"113100", "113101", "113102"}),
    ],
    ids=["faces", "text-looked-for", "zones"],
)
def test_dicoms_codes_say_what_was_done(text: str, codes: set[str]) -> None:
    deid = said(text).manifest["deid"]
    assert {one["code"] for one in deid["dicom"]} == codes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POLICY, "drawn by a test"),
        (TEXT, "Text is looked for now and then"),
        (ZONE, "in 1 zones of the policy"),
        (EDUCATION, "gloves are worn"),
    ],
    ids=["absent", "looked-for", "zones", "hands"],
)
def test_what_may_be_missed_is_said_in_words(text: str, words: str) -> None:
    limits = said(text).manifest["deid"]["limits"]
    assert limits[0] == "Faces may be missed."
    assert any(words in limit for limit in limits)
    assert "Somebody must look at the film" in limits[-1]

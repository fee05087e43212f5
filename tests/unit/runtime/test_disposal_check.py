"""A certificate is checked with public keys only; whatever is changed in it is found."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from agent.formats import certificate_v1 as v1
from agent.formats.certificate_html import LANGUAGES, render
from agent.formats.certificate_texts import EN, ZH
from agent.ledger.signing import SigningKey, Verifier
from agent.runtime.boot import signing_key
from agent.runtime.disposal_check import CertificateCheck, check_certificate
from tests.fakes.authorities import FakeAuthority
from tests.unit.runtime.disposals import DAY_S, DisposalBox
from tests.unit.runtime.test_disposal import refused

Change = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Certified:
    """A box with one certificate."""

    box: DisposalBox
    request: str
    data: bytes
    key: SigningKey

    def check(self, data: bytes | None = None) -> CertificateCheck:
        authority = self.box.authority.verifier
        return check_certificate(data or self.data, Verifier(self.box.vkey), authority)

    def signed(self, change: Change) -> bytes:
        """The certificate with a change, signed by the box's own key: a box that lies."""
        document = json.loads(self.data.decode().split("\n")[1])
        change(document)
        text = f"{v1.CERTIFICATE_TAG}\n{rfc8785.dumps(document).decode()}\n"
        return self.key.sign_note(text, v1.MAX_CERTIFICATE)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    box = DisposalBox(tmp_path_factory.mktemp("box"))
    with box.running() as life:
        box.bring(2)
        one, two = box.record(life), box.record(life)
        box.clock.advance(91 * DAY_S)
        request = box.ask(life, one, two)
        box.approve(life, request, "bob", "carl")
        note = box.record_of(box.ticket_of(life, one), box.ticket_of(life, two))
        life.disposal.destroy_execute(box.execution(request, note))
    return Certified(box, request, box.certificate(request), signing_key(box.config, os.urandom))


def test_sound(certified: Certified) -> None:
    check = certified.check()
    assert (check.ok, check.problems) == (True, ())
    with_vault = check_certificate(
        certified.data, Verifier(certified.box.vkey), certified.box.authority.verifier, certified.box.vault
    )
    assert (with_vault.ok, with_vault.unchecked) == (True, ())
    without = check_certificate(certified.data, Verifier(certified.box.vkey), None)
    assert without.ok
    assert "the authority's signatures" in without.unchecked[1]


def _other(path: str, value: object) -> Change:
    def change(document: dict[str, Any]) -> None:
        *way, last = path.split(".")
        place: Any = document
        for step in way:
            place = place[int(step)] if step.isdigit() else place[step]
        place[int(last) if last.isdigit() else last] = value

    return change


def _twice(document: dict[str, Any]) -> None:
    document["people"]["approved_by"][1] = document["people"]["approved_by"][0]


def _without_leaf(document: dict[str, Any]) -> None:
    document["ledger"]["leaves"].pop()


def _one_less(document: dict[str, Any]) -> None:
    document["recordings"].pop()
    document["sanitization"]["verified_recordings"] = 1


def _stranger(document: dict[str, Any]) -> None:
    stranger = FakeAuthority("edgeward.authority/stranger")
    text = document["authority"][0]["note"].split("\n\n")[0] + "\n"
    document["authority"][0]["note"] = stranger.key.sign_note(text).decode()


OTHER_TICKET = "01a20ada-2c00-7cef-beed-5ad5e4821e6c"
CHANGES: dict[str, tuple[Change, str]] = {
    "another box": (_other("box", "or-9"), "speaks of box or-9"),
    "another root": (_other("recordings.0.root", "0" * 64), "not what it certifies"),
    "fewer segments": (_other("recordings.0.segments", 0), "not what it certifies"),
    "another ticket": (_other("recordings.0.ticket", OTHER_TICKET), "not what it certifies"),
    "a lower level": (_other("confidentiality.before", 2), "not the highest"),
    "one recording less": (_one_less, "not what it certifies"),
    "another reason": (_other("reason", "x"), "not what it certifies"),
    "another requester": (_other("people.requested_by", ["eve"]), "not what it certifies"),
    "the requester approves": (_other("people.requested_by", ["bob"]), "who asked for it approved it"),
    "another approver": (_other("people.approved_by.0.name", "eve"), "approvers are not those"),
    "one approver twice": (_twice, "approvers are not those"),
    "another executor": (_other("people.executed_by", ["eve"]), "by somebody else"),
    "a leaf changed": (_other("ledger.leaves.0.leaf", "{}"), "not under the checkpoint"),
    "a leaf left out": (_without_leaf, "does not prove each"),
    "another size": (_other("ledger.size", 1), "another size or root"),
    "no authority": (_other("authority", []), "authority's records are not those"),
    "another hash of the record": (_other("authority.0.sha256", "0" * 64), "does not have its hash"),
    "a stranger's record": (_stranger, "no signature by edgeward.authority/test"),
    "a discard that was not": (_other("sanitization.discard.text", "all"), "something else of the discard"),
    "a method that is too good": (_other("recordings.0.method", "clear"), "does not fit its ticket"),
    "another title": (_other("people.title", "director"), "another title or place"),
    "another place": (_other("people.place", "elsewhere"), "another title or place"),
    "a better end": (_other("confidentiality.after", "custodians-with-copies"), "do not fit its method"),
    "verified less": (_other("sanitization.verified_recordings", 1), "not all of its recordings"),
    "a court without three": (_other("ground", "court-or-ethics"), "3 are needed"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_lie_that_the_box_itself_signed_is_found(certified: Certified, name: str) -> None:
    change, words = CHANGES[name]
    check = certified.check(certified.signed(change))
    assert not check.ok
    assert any(words in problem for problem in check.problems), check.problems


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (_other("v", 2), "v"),
        (_other("v", True), "v"),
        (_other("more", 1), "more"),
        (_other("made", "yesterday"), "made"),
        (_other("sanitization.method", "destroy"), "method"),
        (_other("people.approved_by", []), "approved_by"),
        (_other("recordings", []), "recordings"),
    ],
)
def test_what_is_no_certificate_is_refused(certified: Certified, change: Change, field: str) -> None:
    with refused("certificate.bad") as caught:
        certified.check(certified.signed(change))
    assert field in caught.value.text


def test_a_changed_or_foreign_note_is_refused(certified: Certified) -> None:
    with refused("note.forged"):
        certified.check(certified.data.replace(b"term is over", b"term is  ver"))
    other = SigningKey.generate(bytes(32), "edgeward.box/test-box")
    text = certified.data.decode().rpartition("\n\n")[0] + "\n"
    with refused("note.unsigned"):
        certified.check(other.sign_note(text, v1.MAX_CERTIFICATE))
    checkpoint = json.loads(text.split("\n")[1])["ledger"]["checkpoint"].encode()
    with refused("certificate.bad"):
        certified.check(checkpoint)


def test_the_vaults_ledger_must_name_this_very_file(certified: Certified) -> None:
    again = certified.signed(_other("medium.model", "elsewhere"))
    check = check_certificate(
        again, Verifier(certified.box.vkey), certified.box.authority.verifier, certified.box.vault
    )
    assert check.problems == ("the vault's ledger does not name this very certificate",)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_for_people(certified: Certified, language: str) -> None:
    sly = certified.signed(_other("people.title", '<script>alert("x")</script>'))
    certificate = v1.decode_certificate(sly.decode().rpartition("\n\n")[0] + "\n")
    page = render(certificate, "ab" * 32, language)
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page
    assert "src=" not in page
    for one in certificate.recordings:
        assert one.recording in page
        assert one.root in page
    for limit in certificate.limits:
        assert LANGUAGES[language][f"limit.{limit.value}"].split(" ")[0] in page
    assert {"bob", "carl", "anna"} <= {name for name in ("bob", "carl", "anna") if name in page}


def test_both_languages_say_everything() -> None:
    assert set(EN) == set(ZH)
    assert {f"limit.{limit.value}" for limit in v1.Limit} == {key for key in EN if key.startswith("limit.")}
    assert {f"method.{one.value}" for one in v1.Method} <= set(EN)
    assert {f"after.{one.value}" for one in v1.After} <= set(EN)


def test_a_file_of_today_is_no_bigger_than_public_tools_read(certified: Certified, tmp_path: Path) -> None:
    path = tmp_path / "c.note"
    path.write_bytes(certified.data)
    assert path.stat().st_size < v1.MAX_CERTIFICATE

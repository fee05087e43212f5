"""Faults of certificates, witness and broker: (what is broken, the check that must find it, how)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from agent.health.probed import Witnessed
from agent.model.finding import Status
from agent.model.times import NS_PER_S
from tests.fakes.clock import START_WALL_NS
from tests.fakes.sites import CERTIFICATE, DOOR, WAITING, FakeBox
from tests.unit.health.box_faults import Fault

DAY_NS = 86_400 * NS_PER_S


def _certificate(name: str, /, **changes: object) -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        box.probe(certificate=lambda: replace(CERTIFICATE, **changes))  # type: ignore[arg-type]  # by name

    fault.__name__ = f"certificate_{name}"
    return fault


def _door(name: str, /, **changes: object) -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        box.probe(broker_door=lambda: replace(DOOR, **changes))  # type: ignore[arg-type]  # by name

    fault.__name__ = f"broker_{name}"
    return fault


def _waiting(name: str, /, **changes: object) -> Callable[[FakeBox], None]:
    def fault(box: FakeBox) -> None:
        box.probe(waiting=lambda: replace(WAITING, **changes))  # type: ignore[arg-type]  # by name

    fault.__name__ = f"messages_{name}"
    return fault


def witness_is_slow(box: FakeBox) -> None:
    box.probe(witnessed=lambda: Witnessed(leaves=42, witnessed=40, waits_s=2 * 3600))


def witness_is_gone(box: FakeBox) -> None:
    box.probe(witnessed=lambda: Witnessed(leaves=42, witnessed=0, waits_s=30 * 3600))


def broker_hides_commands(box: FakeBox) -> None:
    box.alarm("_", "commands.deaf")


def broker_lets_boxes_speak_for_others(box: FakeBox) -> None:
    box.stop_agent()  # only then it is tried
    box.probe(foreign_topic=lambda: "taken")


def sent_configuration_did_not_work(box: FakeBox) -> None:
    told = "the configuration of command 7 is not in effect: what worked before did not (config.not-healthy)"
    box.alarm("_", "config.rolled-back", told)


def memory_of_sent_ones_is_damaged(box: FakeBox) -> None:
    box.alarm("_", "config.memory")


def _in_days(days: int) -> int:
    return START_WALL_NS + days * DAY_NS + NS_PER_S


UNREADABLE = {"not_before_ns": None, "not_after_ns": None, "problem": "not a certificate"}
LINK_FAULTS: tuple[Fault, ...] = (
    (_certificate("ages", not_after_ns=_in_days(20)), "crypto.certificate", Status.WARN, "ageing"),
    (_certificate("ends", not_after_ns=_in_days(3)), "crypto.certificate", Status.FAIL, "ending"),
    (_certificate("ended", not_after_ns=_in_days(-2)), "crypto.certificate", Status.FAIL, "expired"),
    (_certificate("is_early", not_before_ns=_in_days(1)), "crypto.certificate", Status.FAIL, "early"),
    (_certificate("is_of_another", name="box-9"), "crypto.certificate", Status.FAIL, "name"),
    (_certificate("key_is_open", key_exposed=True), "crypto.certificate", Status.FAIL, "exposed"),
    (_certificate("is_damaged", **UNREADABLE), "crypto.certificate", Status.FAIL, "unreadable"),
    (witness_is_slow, "ledger.witness", Status.WARN, "late"),
    (witness_is_gone, "ledger.witness", Status.FAIL, "unseen"),
    (_door("certificate_ends", not_after_ns=_in_days(5)), "net.tls", Status.WARN, "ending"),
    (_door("is_another", word="untrusted", not_after_ns=None), "net.tls", Status.FAIL, "untrusted"),
    (_door("speaks_no_tls", word="no-tls", not_after_ns=None), "net.tls", Status.FAIL, "no-tls"),
    (_door("is_behind_a_tunnel", path_mtu=1280), "net.mtu", Status.WARN, "small"),
    (_waiting("wait", oldest_age_s=7200.0), "store.spool", Status.WARN, "late"),
    (_waiting("were_refused", refused=2), "store.spool", Status.WARN, "refused"),
    (_waiting("fill_the_store", bytes=900_000), "store.spool", Status.FAIL, "full"),
    (broker_hides_commands, "mqtt.commands", Status.FAIL, "deaf"),
    (sent_configuration_did_not_work, "config.sent", Status.WARN, "rolled-back"),
    (memory_of_sent_ones_is_damaged, "config.sent", Status.FAIL, "damaged"),
    (broker_lets_boxes_speak_for_others, "mqtt.acl", Status.FAIL, "open"),
)

"""Rules of `agent.toml` that look at more than one key, over the TOML values as they are. Pure.

Guarantees: never raises, whatever the types are (a wrong type is told by the models); each rule gives the
path of the key to change and what to do, and never a value that may be a secret. Kept apart from the
models so that these errors are told together with all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from agent.formats.config_retention_rules import retention_rules
from agent.formats.signed_note import parse_vkey
from agent.formats.tickets_v1 import is_authority_name
from agent.model.errors import Refuse

KeyPath: TypeAlias = tuple[str | int, ...]
Wrong: TypeAlias = tuple[KeyPath, str]
CheckRecipient: TypeAlias = Callable[[str], None]

_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
_SIZE = re.compile(r"[1-9][0-9]{1,3}x[1-9][0-9]{1,3}")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
RATE = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?|[0-9]{1,6}/[1-9][0-9]{0,5}")
_FAULT_VALUES = {
    "size-change": (_SIZE, 'a size such as "640x480"'),
    "rate-change": (RATE, 'a rate such as "10" or "30000/1001"'),
    "loss": (_NUMBER, 'one packet of how many is lost, such as "4"; leave it out to lose all'),
}


def broken_rules(raw: Mapping[str, Any], check_recipient: CheckRecipient) -> Iterator[Wrong]:
    """Everything in `raw` that contradicts itself."""
    yield from _recipients(_table(raw.get("custodians")), check_recipient)
    yield from _support(_table(raw.get("support")).get("recipient"), check_recipient)
    yield from _mqtt(_table(raw.get("mqtt")))
    yield from _authority(_table(raw.get("tickets")).get("authority"))
    seen: set[str] = set()
    for number, channel in enumerate(_tables(raw.get("channel"))):
        name = channel.get("id")
        if isinstance(name, str):
            if name in seen:
                yield (
                    ("channel", number, "id"),
                    f"two channels are called {name[:16]!r}: give each its own id",
                )
            seen.add(name)
        if channel.get("tickets") == "daily" and channel.get("level", 4) not in (2, 3):
            yield ("channel", number, "tickets"), "daily tickets are for levels 2 and 3: remove this"
        yield from retention_rules(("channel", number, "retention"), channel)
        yield from _source(("channel", number, "source"), _table(channel.get("source")))


def _recipients(custodians: Mapping[str, Any], check_recipient: CheckRecipient) -> Iterator[Wrong]:
    recipients = custodians.get("recipients")
    seen: set[str] = set()
    for number, recipient in enumerate(recipients if isinstance(recipients, list) else []):
        if not isinstance(recipient, str):
            continue
        if recipient in seen:
            yield ("custodians", "recipients", number), "this key is listed twice: name each custodian once"
        seen.add(recipient)
        try:
            check_recipient(recipient)
        except Refuse as error:
            yield ("custodians", "recipients", number), f"{error.text}: {error.advice}"


def _support(recipient: object, check_recipient: CheckRecipient) -> Iterator[Wrong]:
    if isinstance(recipient, str):
        try:
            check_recipient(recipient)
        except Refuse as error:
            yield ("support", "recipient"), f"{error.text}: {error.advice}"


def _authority(vkey: object) -> Iterator[Wrong]:
    if not isinstance(vkey, str):
        return
    try:
        name, _ = parse_vkey(vkey)
    except Refuse as error:
        yield ("tickets", "authority"), f"{error.text}: {error.advice}"
        return
    if not is_authority_name(name):
        yield (
            ("tickets", "authority"),
            "this is the key of something else: a key authority's is called edgeward.authority/…",
        )


def _mqtt(mqtt: Mapping[str, Any]) -> Iterator[Wrong]:
    path: KeyPath = ("mqtt",)
    if ("cert_file" in mqtt) != ("key_file" in mqtt):
        yield path, "cert_file and key_file belong together: give both or none"
    yield from _password(path, mqtt)
    if mqtt.get("tls") is False:
        if mqtt.get("host") not in _THIS_MACHINE:
            yield path, "without TLS only a broker on this machine may be used: remove tls = false"
        if "ca_file" in mqtt or "cert_file" in mqtt:
            yield path, "certificates need TLS: remove tls = false, or the certificate files"


def _source(path: KeyPath, source: Mapping[str, Any]) -> Iterator[Wrong]:
    if source.get("kind") in ("rtsp", "onvif"):
        yield from _password(path, source)
    for number, fault in enumerate(_tables(source.get("script"))):
        yield from _fault((*path, "script", number, "value"), fault)


def _password(path: KeyPath, table: Mapping[str, Any]) -> Iterator[Wrong]:
    if "password_file" in table and "username" not in table:
        yield path, "password_file needs a username"


def _fault(path: KeyPath, fault: Mapping[str, Any]) -> Iterator[Wrong]:
    kind, value = fault.get("kind"), fault.get("value")
    if not isinstance(kind, str) or not isinstance(value, str | None):
        return
    if kind not in _FAULT_VALUES:
        if value is not None:
            yield path, "this kind of fault takes no value: remove it"
        return
    pattern, words = _FAULT_VALUES[kind]
    if value is None and kind != "loss":
        yield path, f"missing: add {words}"
    elif value is not None and not pattern.fullmatch(value):
        yield path, f"write {words}"


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: object) -> Iterator[Mapping[str, Any]]:
    """The elements of an array of tables; what is no table counts, but is empty."""
    for element in value if isinstance(value, list) else []:
        yield _table(element)

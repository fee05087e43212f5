"""HTTP digest access authentication: challenge in, `Authorization` header out (RFC 7616). Pure.

Guarantees: of several challenges the strongest algorithm that we know is answered: SHA-512-256, SHA-256,
then MD5; never Basic, which would send the password itself. Values of the challenge are copied only when
they hold no control character. Leaves out `auth-int` (cameras that ask for it offer `auth` too) and
`Authentication-Info`. The caller sends one answer to one challenge: a second 401 means a wrong password.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

_PARAMETER = re.compile(r'([A-Za-z0-9_-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)\s+(?=[A-Za-z0-9_-]+\s*=)")
_LONGEST = 4096

Hash = Callable[[bytes], str]


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sha512_256(data: bytes) -> str:
    return hashlib.new("sha512_256", data).hexdigest()


# Strongest first. MD5 is here because most cameras in use know nothing else.
_ALGORITHMS: tuple[tuple[str, Hash], ...] = (
    ("SHA-512-256", _sha512_256),
    ("SHA-256", _sha256),
    ("MD5", _md5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One digest challenge that can be answered. `algorithm` is spelled as the server spells it."""

    realm: str
    nonce: str
    algorithm: str
    opaque: str | None
    has_qop: bool
    userhash: bool


def strongest(headers: Iterable[str]) -> Challenge | None:
    """The best challenge in the `WWW-Authenticate` headers, or None when there is none that we answer."""
    found = [challenge for header in headers for challenge in _challenges(header[:_LONGEST])]
    ranked = [(rank, c) for c in found if (rank := _rank(c.algorithm)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def authorization(
    challenge: Challenge,
    *,
    username: str,
    password: str,
    method: str,
    target: str,
    cnonce: str,
    count: int = 1,
) -> str:
    """The header's value. `target` is the path with its query as sent, `cnonce` a fresh random text.

    `count` says how many answers to this challenge this one makes.
    """
    number = _rank(challenge.algorithm)
    if number is None:
        raise RuntimeError("a challenge comes from `strongest`")
    name, digest = _ALGORITHMS[number]
    user = username.replace("\\", "\\\\").replace('"', '\\"')
    secret = digest(f"{username}:{challenge.realm}:{password}".encode())
    if challenge.algorithm.upper() == f"{name}-SESS":
        secret = digest(f"{secret}:{challenge.nonce}:{cnonce}".encode())
    request = digest(f"{method}:{target}".encode())
    middle = f"{challenge.nonce}:{count:08x}:{cnonce}:auth" if challenge.has_qop else challenge.nonce
    response = digest(f"{secret}:{middle}:{request}".encode())
    if challenge.userhash:
        user = digest(f"{username}:{challenge.realm}".encode())
    parts = [
        f'username="{user}"',
        f'realm="{_quoted(challenge.realm)}"',
        f'uri="{target}"',
        f"algorithm={challenge.algorithm}",
        f'nonce="{_quoted(challenge.nonce)}"',
        f'response="{response}"',
    ]
    if challenge.has_qop:
        parts += [f"nc={count:08x}", f'cnonce="{cnonce}"', "qop=auth"]
    if challenge.opaque is not None:
        parts.append(f'opaque="{_quoted(challenge.opaque)}"')
    if challenge.userhash:
        parts.append("userhash=true")
    return "Digest " + ", ".join(parts)


def _challenges(header: str) -> Iterable[Challenge]:
    """Every digest challenge of one header, which may hold several (RFC 9110 11.6.1)."""
    starts = list(_SCHEME.finditer(header))
    for number, start in enumerate(starts):
        end = starts[number + 1].start() if number + 1 < len(starts) else len(header)
        if start.group(1).casefold() != "digest":
            continue
        pairs = {
            name.casefold(): quoted or bare
            for name, quoted, bare in _PARAMETER.findall(header[start.end() : end])
        }
        values = {name: re.sub(r"\\(.)", r"\1", value) for name, value in pairs.items()}
        qop = values.get("qop")
        offered = [] if qop is None else [word.strip().casefold() for word in qop.split(",")]
        usable = bool(values.get("nonce")) and "realm" in values and (qop is None or "auth" in offered)
        if usable and all(value.isprintable() for value in values.values()):
            yield Challenge(
                realm=values["realm"],
                nonce=values["nonce"],
                algorithm=values.get("algorithm", "MD5"),
                opaque=values.get("opaque"),
                has_qop=qop is not None,
                userhash=values.get("userhash", "").casefold() == "true",
            )


def _rank(algorithm: str) -> int | None:
    name = algorithm.upper().removesuffix("-SESS")
    return next((number for number, (known, _) in enumerate(_ALGORITHMS) if known == name), None)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')

"""Calls to one ONVIF camera: SOAP 1.2 over HTTP, built and read by onvif-zeep-async from its own WSDLs.

Guarantees: every call ends in time; an answer is at most `LARGEST_ANSWER` bytes of well-formed XML without a
document type before zeep sees it; nothing but the configured host and port is spoken to, redirects and
proxies included; TLS is verified. What leaves is an `AgentError`, or `CameraRefused` for a SOAP fault that
is not about the password: neither holds a password, an address with one, or the camera's own sentences.
WS-UsernameToken is sent with the camera's time, and HTTP digest when the camera asks for it (`http_digest`).

Leaves out what is asked (`onvif_client.py`). Of the library the camera class is not used: it caches on
disk, doesn't verify TLS, follows redirects, and answers no HTTP digest.
"""

from __future__ import annotations

import logging
import os
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

import aiohttp
import onvif  # type: ignore[import-untyped]  # publishes no types, like zeep and lxml
from lxml import etree  # type: ignore[import-untyped]  # has no types
from onvif.definition import SERVICES  # type: ignore[import-untyped]  # has no types
from onvif.zeep_aiohttp import AIOHTTPTransport  # type: ignore[import-untyped]  # has no types
from zeep import exceptions as zeep_errors
from zeep.helpers import serialize_object

from agent.device.hostile_xml import parse_xml
from agent.device.http_digest import Challenge, authorization, strongest
from agent.model.device_report import told
from agent.model.errors import AgentError, Retry

LARGEST_ANSWER = 2 << 20
UNAUTHORIZED = "source.unauthorized"
_SERVICES = ("devicemgmt", "media")
_WSDL = Path(onvif.__file__).parent / "wsdl"
_CONTENT_TYPE = 'application/soap+xml; charset="utf-8"'
_AUTHENTICATION_FAULTS = ("NotAuthorized", "SenderNotAuthorized", "FailedAuthentication")
# What zeep and its readers raise on answers of a wrong shape.
_UNREADABLE = (
    zeep_errors.Error,
    onvif.ONVIFError,
    etree.LxmlError,
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)
# They would print addresses and messages to the standard error output.
for _name in ("aiohttp", "onvif", "zeep"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class CameraRefused(Exception):
    """The camera answered with a SOAP fault: it won't do what was asked. `reason` is the fault's code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who we are at the camera."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds. A channel process that is silent for 15 s is killed, and the pictures come after this."""

    call_s: float = 4.0
    total_s: float = 8.0


@dataclass(frozen=True, slots=True)
class _Reply:
    """What zeep reads of an answer."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes
    encoding: str = "utf-8"


class _Service(Protocol):
    """The part of `onvif.ONVIFService` that is used."""

    transport: object

    async def setup(self) -> None: ...
    async def close(self) -> None: ...


async def load_definitions() -> None:
    """Reads what the calls are built from, once in the life of a process: about a second of computing."""
    for name in _SERVICES:
        service = _new_service(name, "http://localhost/", None, timedelta())
        await service.setup()
        await service.close()


def _new_service(name: str, address: str, login: Login | None, clock_ahead: timedelta) -> _Service:
    definition = SERVICES[name]
    service: _Service = onvif.ONVIFService(
        address,
        login.username if login else None,
        login.password if login else None,
        str(_WSDL / definition["wsdl"]),
        no_cache=True,
        dt_diff=clock_ahead,
        binding_name=f"{{{definition['ns']}}}{definition['binding']}",
    )
    return service


class Camera:
    """One conversation. Use as an asynchronous context; `clock_ahead` is learnt by the caller."""

    def __init__(self, url: str, login: Login | None, random: Callable[[int], bytes], limits: Limits) -> None:
        self.url = url
        self.where = urlsplit(url).netloc
        self.clock_ahead = timedelta()
        self._login = login
        self._random = random
        self._limits = limits
        self._services: dict[str, _Service] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Camera:
        timeout = aiohttp.ClientTimeout(total=self._limits.call_s)
        self._session = aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        for service in self._services.values():
            await service.close()
        if self._session is not None:
            await self._session.close()

    def address_here(self, told_address: str) -> str:
        """The service's path at the configured host and port: a camera may tell an inner address."""
        try:
            path = urlsplit(told_address).path
        except ValueError:
            path = ""
        return urlsplit(self.url)._replace(path=path or "/onvif/device_service", query="").geturl()

    async def call(
        self,
        service: str,
        operation: str,
        request: dict[str, Any] | None = None,
        *,
        address: str | None = None,
    ) -> Any:
        """The answer as dictionaries and lists. Raises `CameraRefused` and `AgentError`."""
        proxy = await self._service(service, address or self.url)
        named = operation if self._login is not None else f"authless_{operation}"
        return await self._translated(lambda: getattr(proxy, named)(request))

    async def call_without_name(self, service: str, operation: str) -> Any:
        """The same without WS-UsernameToken, for what a camera must tell to everybody."""
        proxy = await self._service(service, self.url)
        return await self._translated(lambda: getattr(proxy, f"authless_{operation}")(None))

    async def forget_services(self) -> None:
        """The next call is signed with the `clock_ahead` of then."""
        for service in self._services.values():
            await service.close()
        self._services.clear()

    async def _service(self, name: str, address: str) -> _Service:
        if name not in self._services:
            if self._session is None:
                raise RuntimeError("a camera is spoken to inside its context")
            service = _new_service(name, address, self._login, self.clock_ahead)
            service.transport = _Transport(self._session, self._login, self._random, self.where)
            self._services[name] = service
            await service.setup()
        return self._services[name]

    async def _translated(self, start: Callable[[], Awaitable[object]]) -> Any:
        problem: AgentError | CameraRefused
        try:
            answer = await start()
            return serialize_object(answer, dict)  # type: ignore[no-untyped-call]  # zeep has no types
        except zeep_errors.Fault as fault:
            problem = _of_fault(fault, self.where)
        except TimeoutError:
            problem = unreachable(self.where, "no answer in time")
        except aiohttp.ClientError as error:
            problem = unreachable(self.where, _network_reason(error))
        except _UNREADABLE:
            problem = garbage(self.where, "an answer of another shape than ONVIF's")
        raise problem  # here: no foreign exception, whose text may hold anything, hangs on it


class _Transport(AIOHTTPTransport):  # type: ignore[misc]  # the base has no types
    """Sends one envelope, answers one digest challenge, and lets only sound XML through to zeep."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        login: Login | None,
        random: Callable[[int], bytes],
        where: str,
    ) -> None:
        super().__init__(session=session, verify_ssl=True)
        self._login = login
        self._random = random
        self._where = where
        self._challenge: Challenge | None = None
        self._answers = 0

    async def post_xml(self, address: str, envelope: Any, headers: dict[str, str]) -> _Reply:
        body = etree.tostring(envelope, encoding="utf-8", xml_declaration=True)
        action = {"Content-Type": headers.get("Content-Type", _CONTENT_TYPE), "Accept-Encoding": "identity"}
        reply, asked = await self._post(address, body, action)
        if reply.status_code == 401 and self._login is not None:
            self._challenge, self._answers = strongest(asked), 0
            if self._challenge is not None:
                reply, _ = await self._post(address, body, action)
        self._check(reply, asked)
        return reply

    async def _post(self, address: str, body: bytes, headers: dict[str, str]) -> tuple[_Reply, list[str]]:
        if self._challenge is not None and self._login is not None:
            self._answers += 1
            target = _target(urlsplit(address))
            headers = headers | {
                "Authorization": authorization(
                    self._challenge,
                    username=self._login.username,
                    password=self._login.password,
                    method="POST",
                    target=target,
                    cnonce=b64encode(self._random(18)).decode(),
                    count=self._answers,
                )
            }
        async with self.session.post(address, data=body, headers=headers, allow_redirects=False) as answer:
            content = bytearray()
            async for piece in answer.content.iter_any():
                content += piece
                if len(content) > LARGEST_ANSWER:
                    raise garbage(self._where, f"an answer of more than {LARGEST_ANSWER >> 20} MiB")
            asked = answer.headers.getall("WWW-Authenticate", [])
            return _Reply(answer.status, {"Content-Type": "application/soap+xml"}, bytes(content)), asked

    def _check(self, reply: _Reply, asked: list[str]) -> None:
        if reply.status_code in (401, 403):
            raise unauthorized(self._where, is_basic_only=bool(asked) and strongest(asked) is None)
        if reply.status_code == 404:
            raise Retry(
                "source.not-found",
                f"the device at {self._where} has no ONVIF service at this address",
                "switch ONVIF on in the camera's settings, and check the path of `url`",
                after_s=30.0,
            )
        if reply.status_code not in (200, 400, 500):
            raise garbage(self._where, f"HTTP status {reply.status_code}")
        try:
            parse_xml(reply.content)
        except ValueError as error:
            problem = garbage(self._where, str(error))
        else:
            return
        raise problem


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _of_fault(fault: zeep_errors.Fault, where: str) -> AgentError | CameraRefused:
    codes = [*(getattr(code, "localname", None) for code in fault.subcodes or ()), fault.code]
    words = [word for code in codes if (word := told(code)) is not None]
    if any(word.rpartition(":")[2] in _AUTHENTICATION_FAULTS for word in words):
        return unauthorized(where, is_basic_only=False)
    known = [word for word in words if word.replace(":", "").replace("-", "").isalnum()]
    return CameraRefused(" ".join(known)[:80] or "no code")


def _network_reason(error: aiohttp.ClientError) -> str:
    """Our own words: the error's text may hold the address."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not signed by an authority of this system"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno or 0  # below 0 for names that can't be resolved
        return os.strerror(number).lower() if number > 0 else "its name is not known"
    return "it broke the connection off"


def unreachable(where: str, reason: str) -> AgentError:
    """No answer, or none in time."""
    return Retry(
        "source.unreachable",
        f"the camera at {where} can't be reached over ONVIF: {reason}",
        "check power, cable, address and port; it is tried again by itself",
        after_s=5.0,
    )


def garbage(where: str, what: str) -> AgentError:
    """An answer that can't be used."""
    return Retry(
        "source.garbage",
        f"what the camera at {where} answers over ONVIF can't be understood: {what}",
        "check that the address is the ONVIF port of a camera, then its firmware",
        after_s=30.0,
    )


def unauthorized(where: str, *, is_basic_only: bool) -> AgentError:
    """The camera doesn't accept who we are."""
    only = " It asks for Basic authentication, which would send the password itself: that is never done."
    return Retry(
        "source.unauthorized",
        f"the camera at {where} did not accept the name and password over ONVIF",
        "check them, and that this account is an ONVIF user of the camera with the right to change "
        f"settings.{only if is_basic_only else ''} Tried again rarely, so that the camera locks nobody out",
        after_s=60.0,
    )

"""A camera that speaks ONVIF over HTTP on loopback, with the faults that real ones have.

Guarantees: checks names and passwords by itself (WS-UsernameToken with a clock of its own, HTTP digest with
MD5 or SHA-256), by other code than the agent's; writes down every operation, every header and every body;
a slow camera waits for an event, never for time. Its pictures are somebody else's: `stream_uri`.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from lxml import etree  # type: ignore[import-untyped]  # lxml publishes no types

from tests.fakes import onvif_answers as answers
from tests.fakes.onvif_answers import Encoding

USER = "recorder"
PASSWORD = "planted-onvif-password:/@ä"
NONCE = "c2ltdWxhdGVkIG5vbmNl"
SIZES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))
SKEW = timedelta(seconds=5)


@dataclass(slots=True, kw_only=True)
class OnvifCamera:
    """What the camera is and does wrong. Change it between two opens as you like.

    `login` is `wsse`, `digest` or `basic`; `digests` are the algorithms that it offers, in its order.
    `refuses` names fields of `Encoding`. `raw` replaces the answer to an operation: status and body.
    """

    encodings: dict[str, Encoding] = field(
        default_factory=lambda: {"main": Encoding(), "sub": Encoding(width=640, height=480, bitrate=512)}
    )
    with_audio: frozenset[str] = frozenset()
    sizes: tuple[tuple[int, int], ...] = SIZES
    login: str = "wsse"
    digests: tuple[str, ...] = ("MD5",)
    clock_ahead: timedelta = timedelta()
    refuses: frozenset[str] = frozenset()
    rounds: dict[str, int] = field(default_factory=dict)
    raw: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    slow: frozenset[str] = frozenset()
    has_get_services: bool = True
    inner_address: str | None = None
    stream_uri: str = "rtsp://127.0.0.1:9/cam"
    manufacturer: str = "HIKVISION"
    model: str = "DS-2CD2185FWD-I"
    firmware: str = "V5.5.800 build 190725"
    serial: str = "SIM-0001"
    port: int = 0
    operations: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    rejected: int = 0
    release: Event = field(default_factory=Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def now(self) -> datetime:
        """The camera's own clock."""
        return datetime.now(UTC) + self.clock_ahead

    def answer(self, operation: str, request: Any) -> tuple[int, bytes]:
        """Status and body for a request that is allowed."""
        if operation in self.slow:
            self.release.wait()
        if operation in self.raw:
            return self.raw[operation]
        media = f"{self.inner_address or self.url}/onvif/media_service"
        token = next((str(one.text) for one in request.iter("{*}ConfigurationToken")), "main")
        match operation:
            case "GetSystemDateAndTime":
                return 200, answers.system_time(self.now())
            case "GetDeviceInformation":
                return 200, answers.device_information(
                    self.manufacturer, self.model, self.firmware, self.serial
                )
            case "GetServices" if self.has_get_services:
                return 200, answers.services(media)
            case "GetCapabilities":
                return 200, answers.capabilities(media)
            case "GetProfiles":
                return 200, answers.profiles(self.encodings, self.with_audio)
            case "GetVideoEncoderConfiguration":
                return 200, answers.configuration(token, self.encodings[token])
            case "GetVideoEncoderConfigurationOptions":
                return 200, answers.options(self.sizes)
            case "SetVideoEncoderConfiguration":
                return self._set(request)
            case "GetStreamUri":
                return 200, answers.stream(self.stream_uri)
        return 500, answers.fault("ter:ActionNotSupported", f"not known, {PASSWORD}")

    def _set(self, request: Any) -> tuple[int, bytes]:
        token = next(one.get("token") for one in request.iter("{*}Configuration"))
        now = self.encodings[token]
        asked = answers.asked_encoding(request, now)
        if any(getattr(asked, name) != getattr(now, name) for name in self.refuses):
            return 400, answers.fault("ter:ConfigModify", f"refused for {PASSWORD}")
        steps = {name: getattr(asked, name) // step * step for name, step in self.rounds.items()}
        self.encodings[token] = replace(asked, **steps)
        return 200, answers.envelope("<trt:SetVideoEncoderConfigurationResponse/>")

    def lets_in(self, operation: str, request: Any, header: str | None, path: str) -> bool:
        """True when the request is signed as `login` wants it."""
        if self.login == "wsse":
            return operation == "GetSystemDateAndTime" or self._signed(request)
        return self.login == "digest" and header is not None and self._digest_fits(header, path)

    def _signed(self, request: Any) -> bool:
        found = {
            etree.QName(one).localname: one.text or "" for one in request.iter("{*}UsernameToken", "{*}*")
        }
        if found.get("Username") != USER or "Created" not in found:
            return False
        created = datetime.fromisoformat(found["Created"])
        material = b64decode(found["Nonce"]) + found["Created"].encode() + PASSWORD.encode()
        expected = b64encode(hashlib.sha1(material, usedforsecurity=False).digest()).decode()
        return bool(found["Password"] == expected and abs(created - self.now()) <= SKEW)

    def _digest_fits(self, header: str, path: str) -> bool:
        got = {
            name: quoted or bare for name, quoted, bare in re.findall(r'(\w+)=(?:"([^"]*)"|([\w-]+))', header)
        }
        if got.get("algorithm") not in self.digests or got.get("nonce") != NONCE or got["uri"] != path:
            return False
        name = {"MD5": "md5", "SHA-256": "sha256"}[got["algorithm"]]

        def digest(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode()).hexdigest()

        secret = digest(USER, "camera", PASSWORD)
        wanted = digest(secret, NONCE, got["nc"], got["cnonce"], "auth", digest("POST", path))
        return bool(got["response"] == wanted and got["username"] == USER)

    def challenges(self) -> list[str]:
        """`WWW-Authenticate` headers."""
        if self.login == "basic":
            return ['Basic realm="camera"']
        return [
            f'Digest realm="camera", qop="auth", nonce="{NONCE}", algorithm={name}' for name in self.digests
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    camera: OnvifCamera

    def do_POST(self) -> None:
        camera = self.camera
        body = self.rfile.read(int(self.headers["Content-Length"]))
        envelope = etree.fromstring(body)
        operation = etree.QName(next(envelope.iter("{*}Body"))[0]).localname
        header = self.headers.get("Authorization")
        camera.bodies.append(body)
        camera.authorizations += [header] if header else []
        if camera.lets_in(operation, envelope, header, self.path):
            camera.operations.append(operation)
            self._send(*camera.answer(operation, envelope), [])
            return
        camera.rejected += 1
        if camera.login == "wsse":
            self._send(400, answers.fault("ter:NotAuthorized", f"wrong: {PASSWORD}"), [])
        else:
            self._send(401, b"", camera.challenges())

    def _send(self, status: int, body: bytes, challenges: list[str]) -> None:
        self.send_response(status)
        for challenge in challenges:
            self.send_header("WWW-Authenticate", challenge)
        if status in (301, 302, 307):
            self.send_header("Location", body.decode())
        self.send_header("Content-Type", "application/soap+xml; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


@contextmanager
def onvif_camera(camera: OnvifCamera | None = None) -> Iterator[OnvifCamera]:
    """Runs `camera` until the block is left; a request that waits is released then."""
    camera = camera or OnvifCamera()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"camera": camera}))
    server.daemon_threads = True
    camera.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.02,), name="onvif-camera")
    thread.start()
    try:
        yield camera
    finally:
        camera.release.set()
        server.shutdown()
        thread.join()
        server.server_close()

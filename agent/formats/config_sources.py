"""Tables `[channel.source]` of kinds that need more than a few keys: `onvif`.

Guarantees: an address holds no name and no password. The other kinds are in `config_v1.py`.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from agent.formats.config_model import StrictModel


def _onvif_address(url: str) -> str:
    if "@" in url:  # anywhere, as in an RTSP address
        raise ValueError("move user and password out of the URL: username = …, password_file = …")
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise ValueError('an ONVIF address is written as "http://192.0.2.10", with port and path if needed')
    return url


class OnvifSource(StrictModel):
    """A network camera that is identified and set over ONVIF and then sends its pictures over RTSP."""

    kind: Literal["onvif"]
    url: Annotated[str, AfterValidator(_onvif_address)]
    username: str | None = None
    password_file: str | None = None
    profile: str | None = Field(
        default=None, min_length=1, max_length=64, description="Token of the media profile."
    )
    configure: bool = Field(default=True, description="Set the camera's encoder to the spec.")

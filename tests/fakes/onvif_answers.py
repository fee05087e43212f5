"""The XML that the simulated ONVIF camera of `onvif_camera.py` answers, by ONVIF's schemas of version 10.

Guarantees: whole SOAP 1.2 envelopes. Leaves out what the camera does with a request.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape

_NAMES = " ".join(
    f'xmlns:{prefix}="{name}"'
    for prefix, name in (
        ("s", "http://www.w3.org/2003/05/soap-envelope"),
        ("tt", "http://www.onvif.org/ver10/schema"),
        ("tds", "http://www.onvif.org/ver10/device/wsdl"),
        ("trt", "http://www.onvif.org/ver10/media/wsdl"),
        ("ter", "http://www.onvif.org/ver10/error"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What one encoder of the camera is set to."""

    codec: str = "H264"
    width: int = 1920
    height: int = 1080
    rate: int = 30
    bitrate: int = 8192
    gop: int = 50
    profile: str = "High"


def envelope(body: str) -> bytes:
    """A whole message."""
    text = f"<?xml version='1.0' encoding='UTF-8'?><s:Envelope {_NAMES}><s:Body>{body}</s:Body></s:Envelope>"
    return text.encode()


def fault(subcode: str, reason: str) -> bytes:
    """A SOAP fault of the sender."""
    return envelope(
        f"<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode>"
        f'</s:Code><s:Reason><s:Text xml:lang="en">{escape(reason)}</s:Text></s:Reason></s:Fault>'
    )


def system_time(now: datetime) -> bytes:
    """GetSystemDateAndTime."""
    return envelope(
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>Manual</tt:DateTimeType>"
        "<tt:DaylightSavings>false</tt:DaylightSavings><tt:UTCDateTime><tt:Time>"
        f"<tt:Hour>{now.hour}</tt:Hour><tt:Minute>{now.minute}</tt:Minute><tt:Second>{now.second}</tt:Second>"
        f"</tt:Time><tt:Date><tt:Year>{now.year}</tt:Year><tt:Month>{now.month}</tt:Month>"
        f"<tt:Day>{now.day}</tt:Day></tt:Date></tt:UTCDateTime></tds:SystemDateAndTime>"
        "</tds:GetSystemDateAndTimeResponse>"
    )


def device_information(manufacturer: str, model: str, firmware: str, serial: str) -> bytes:
    """GetDeviceInformation."""
    return envelope(
        f"<tds:GetDeviceInformationResponse><tds:Manufacturer>{escape(manufacturer)}</tds:Manufacturer>"
        f"<tds:Model>{escape(model)}</tds:Model><tds:FirmwareVersion>{escape(firmware)}</tds:FirmwareVersion>"
        f"<tds:SerialNumber>{escape(serial)}</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
        "</tds:GetDeviceInformationResponse>"
    )


def services(media_address: str) -> bytes:
    """GetServices."""
    return envelope(
        "<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl"
        f"</tds:Namespace><tds:XAddr>{escape(media_address)}</tds:XAddr><tds:Version><tt:Major>2</tt:Major>"
        "<tt:Minor>4</tt:Minor></tds:Version></tds:Service></tds:GetServicesResponse>"
    )


def capabilities(media_address: str) -> bytes:
    """GetCapabilities."""
    return envelope(
        f"<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>{escape(media_address)}"
        "</tt:XAddr><tt:StreamingCapabilities/></tt:Media></tds:Capabilities></tds:GetCapabilitiesResponse>"
    )


_MULTICAST = (
    "<tt:Multicast><tt:Address><tt:Type>IPv4</tt:Type><tt:IPv4Address>224.1.2.3</tt:IPv4Address>"
    "</tt:Address><tt:Port>40000</tt:Port><tt:TTL>64</tt:TTL><tt:AutoStart>false</tt:AutoStart></tt:Multicast>"
    "<tt:SessionTimeout>PT60S</tt:SessionTimeout>"
)


def _configuration(tag: str, token: str, encoding: Encoding) -> str:
    h264 = ""
    if encoding.codec == "H264":
        h264 = (
            f"<tt:H264><tt:GovLength>{encoding.gop}</tt:GovLength><tt:H264Profile>{encoding.profile}"
            "</tt:H264Profile></tt:H264>"
        )
    return (
        f'<{tag} token="{token}"><tt:Name>{token}</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>{encoding.codec}</tt:Encoding><tt:Resolution><tt:Width>{encoding.width}</tt:Width>"
        f"<tt:Height>{encoding.height}</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl>"
        f"<tt:FrameRateLimit>{encoding.rate}</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
        f"<tt:BitrateLimit>{encoding.bitrate}</tt:BitrateLimit></tt:RateControl>{h264}{_MULTICAST}</{tag}>"
    )


def profiles(encodings: dict[str, Encoding], with_audio: frozenset[str]) -> bytes:
    """GetProfiles: profile `p-X` for every encoder `X`."""
    found = []
    for token, encoding in encodings.items():
        audio = ""
        if f"p-{token}" in with_audio:
            audio = (
                f'<tt:AudioEncoderConfiguration token="a"><tt:Name>a</tt:Name><tt:UseCount>1</tt:UseCount>'
                f"<tt:Encoding>G711</tt:Encoding><tt:Bitrate>64</tt:Bitrate><tt:SampleRate>8</tt:SampleRate>"
                f"{_MULTICAST}</tt:AudioEncoderConfiguration>"
            )
        video = _configuration("tt:VideoEncoderConfiguration", token, encoding)
        found.append(
            f'<trt:Profiles token="p-{token}" fixed="true"><tt:Name>{token}</tt:Name>{video}{audio}'
            "</trt:Profiles>"
        )
    return envelope(f"<trt:GetProfilesResponse>{''.join(found)}</trt:GetProfilesResponse>")


def configuration(token: str, encoding: Encoding) -> bytes:
    """GetVideoEncoderConfiguration."""
    found = _configuration("trt:Configuration", token, encoding)
    return envelope(
        f"<trt:GetVideoEncoderConfigurationResponse>{found}</trt:GetVideoEncoderConfigurationResponse>"
    )


def _range(tag: str, low: int, high: int) -> str:
    return f"<tt:{tag}><tt:Min>{low}</tt:Min><tt:Max>{high}</tt:Max></tt:{tag}>"


def options(sizes: tuple[tuple[int, int], ...]) -> bytes:
    """GetVideoEncoderConfigurationOptions."""
    offered = "".join(
        f"<tt:ResolutionsAvailable><tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height>"
        "</tt:ResolutionsAvailable>"
        for width, height in sizes
    )
    names = "".join(
        f"<tt:H264ProfilesSupported>{name}</tt:H264ProfilesSupported>" for name in ("Main", "High")
    )
    h264 = (
        f"{offered}{_range('GovLengthRange', 1, 150)}{_range('FrameRateRange', 1, 30)}"
        f"{_range('EncodingIntervalRange', 1, 1)}{names}"
    )
    return envelope(
        "<trt:GetVideoEncoderConfigurationOptionsResponse><trt:Options>"
        f"{_range('QualityRange', 1, 6)}<tt:H264>{h264}</tt:H264><tt:Extension><tt:H264>{h264}"
        f"{_range('BitrateRange', 256, 8192)}</tt:H264></tt:Extension></trt:Options>"
        "</trt:GetVideoEncoderConfigurationOptionsResponse>"
    )


def stream(uri: str) -> bytes:
    """GetStreamUri."""
    return envelope(
        f"<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>{escape(uri)}</tt:Uri><tt:InvalidAfterConnect>false"
        "</tt:InvalidAfterConnect><tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S"
        "</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>"
    )


def asked_encoding(request: Any, now: Encoding) -> Encoding:
    """What SetVideoEncoderConfiguration asks for, from its element."""

    def text(name: str) -> str | None:
        return next((str(one.text) for one in request.iter(f"{{*}}{name}")), None)

    def number(name: str, default: int) -> int:
        return int(text(name) or default)

    return replace(
        now,
        codec=text("Encoding") or now.codec,
        width=number("Width", now.width),
        height=number("Height", now.height),
        rate=number("FrameRateLimit", now.rate),
        bitrate=number("BitrateLimit", now.bitrate),
        gop=number("GovLength", now.gop),
        profile=text("H264Profile") or now.profile,
    )

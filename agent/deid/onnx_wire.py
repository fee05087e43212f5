"""The wire format of protocol buffers, as far as ONNX models need it.

Guarantees: pure; what can't be read is `Refuse` `deid.model`. Leaves out what the fields mean
(`onnx_graph.py`, `onnx_int8.py`). Source: protocol buffers' "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.errors import Refuse

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Number, whole spelling and content of each field; the content of a number is its spelling."""
    place = 0
    while place < len(message):
        start = place
        tag, place = _varint(message, place)
        number, kind = tag >> 3, tag & 7
        if kind == _BYTES:
            length, place = _varint(message, place)
            body, place = message[place : place + length], place + length
        elif kind == _VARINT:
            begin = place
            _, place = _varint(message, place)
            body = message[begin:place]
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
            body, place = message[place : place + length], place + length
        else:
            raise no_model("a field is of no known kind")
        if place > len(message):
            raise no_model("it ends inside a field")
        yield number, message[start:place], body


def text(message: bytes, wanted: int) -> bytes:
    """The first field `wanted`, which must be there."""
    for number, _, body in fields(message):
        if number == wanted:
            return body
    raise no_model("a tensor has no name")


def integers(body: bytes) -> tuple[int, ...]:
    """The numbers that `body` spells one behind the other."""
    place, found = 0, []
    while place < len(body):
        value, place = _varint(body, place)
        found.append(value)
    return tuple(found)


def field(number: int, body: bytes) -> bytes:
    """A field of bytes."""
    return _encoded(number << 3 | _BYTES) + _encoded(len(body)) + body


def number(field_number: int, value: int) -> bytes:
    """A field that holds a number, 0 or more."""
    return _encoded(field_number << 3 | _VARINT) + _encoded(value)


def no_model(why: str) -> Refuse:
    """The error for bytes that can't be prepared."""
    return Refuse(
        "deid.model", f"these bytes are no ONNX model that can be prepared: {why}", "install the pinned wheel"
    )


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(message):
            raise no_model("it ends inside a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise no_model("a number is too long")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])

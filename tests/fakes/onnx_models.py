"""A very small ONNX model with the faults of exported ones.

Constants among the inputs, a fixed size, an output too many. The outputs are called as the face model's:
input times 2, plus 2, minus 2, and divided by 2. Field numbers are those of onnx/onnx.proto3.
"""

from __future__ import annotations

import struct

INPUT = "input.1"
LANDMARKS = "540"


def small_model() -> bytes:
    """The model, made for pictures of 4 by 4."""
    two = _number(1, 1) + _number(2, 1) + _field(8, b"two") + _field(9, struct.pack("<f", 2.0))
    nodes = [
        _field(1, _field(1, INPUT.encode()) + _field(1, b"two") + _field(2, name) + _field(4, operator))
        for name, operator in ((b"537", b"Mul"), (b"538", b"Add"), (b"539", b"Sub"), (b"540", b"Div"))
    ]
    shape = (1, 3, 4, 4)
    outputs = [_field(12, _info(name, shape)) for name in (b"537", b"538", b"539", b"540")]
    graph = b"".join(
        [
            *nodes,
            _field(2, b"small"),
            _field(5, two),
            _field(11, _info(INPUT.encode(), shape)),
            _field(11, _info(b"two", (1,))),
            *outputs,
            _field(13, _info(b"unused", shape)),
        ]
    )
    return _number(1, 6) + _field(7, graph) + _field(8, _field(1, b"") + _number(2, 9))


def _info(name: bytes, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(_field(1, _number(1, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _number(1, 1) + _field(2, dimensions)))


def _varint(value: int) -> bytes:
    head = b""
    while value > 127:
        head += bytes([value % 128 + 128])
        value //= 128
    return head + bytes([value])


def _field(number: int, body: bytes) -> bytes:
    return _varint(number * 8 + 2) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _varint(number * 8) + _varint(value)

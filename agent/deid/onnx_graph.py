"""Prepares an ONNX model, on its bytes: what is constant is said to be, height and width become free.

Guarantees: pure and deterministic, so that the result has a hash which can be written down; all that is not
named here is copied byte for byte. Leaves out checking the model (the caller compares hashes first) and
weights.

A model whose initializers are listed among the graph's inputs keeps them changeable, and a runtime may then
fold nothing (onnx IR, "Graphs": initializers that are also inputs are defaults). Field numbers:
onnx/onnx.proto3, messages ModelProto, GraphProto, TensorProto, ValueInfoProto, TypeProto, TensorShapeProto.
Wire format: protocol buffers' "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.model.errors import Refuse

_GRAPH = 7
_INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 5, 11, 12, 13
_TENSOR_NAME = 8
_INFO_NAME, _INFO_TYPE = 1, 2
_TENSOR_TYPE = 1
_ELEMENT, _SHAPE = 1, 2
_DIMENSION, _SIZE, _SYMBOL = 1, 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT = 1


def prepare(model: bytes, outputs: tuple[str, ...]) -> bytes:
    """`model` with one picture of three colours and free size as its only input, and `outputs` of free shape.

    What only other outputs need is then never computed. Raises `Refuse` `deid.model` when these bytes are no
    such model.
    """
    wanted = {name.encode() for name in outputs}
    parts = tuple(_fields(model))
    if [number for number, _, _ in parts].count(_GRAPH) != 1:
        raise _no_model("it has no graph")
    return b"".join(
        _field(_GRAPH, _prepared_graph(body, wanted)) if number == _GRAPH else raw
        for number, raw, body in parts
    )


def _prepared_graph(graph: bytes, wanted: set[bytes]) -> bytes:
    parts = tuple(_fields(graph))
    constants = {_text(body, _TENSOR_NAME) for number, _, body in parts if number == _INITIALIZER}
    kept: list[bytes] = []
    inputs = 0
    found: set[bytes] = set()
    for number, raw, body in parts:
        if number == _VALUE_INFO:
            continue  # shapes of the size that it was exported with
        if number == _INPUT:
            if _text(body, _INFO_NAME) in constants:
                continue
            inputs += 1
            raw = _field(_INPUT, _info(body, _picture_shape()))
        elif number == _OUTPUT:
            name = _text(body, _INFO_NAME)
            if name not in wanted:
                continue
            found.add(name)
            raw = _field(_OUTPUT, _info(body, None))
        kept.append(raw)
    if inputs != 1:
        raise _no_model(f"it has {inputs} inputs where one is expected")
    if found != wanted:
        raise _no_model("an output that is needed is missing")
    return b"".join(kept)


def _info(body: bytes, shape: bytes | None) -> bytes:
    """The same name, as a float tensor of `shape`."""
    tensor = _number(_ELEMENT, _FLOAT) + (b"" if shape is None else _field(_SHAPE, shape))
    name = _field(_INFO_NAME, _text(body, _INFO_NAME))
    return name + _field(_INFO_TYPE, _field(_TENSOR_TYPE, tensor))


def _picture_shape() -> bytes:
    fixed = (_number(_SIZE, 1), _number(_SIZE, 3))
    free = (_field(_SYMBOL, b"height"), _field(_SYMBOL, b"width"))
    return b"".join(_field(_DIMENSION, dimension) for dimension in (*fixed, *free))


def _text(message: bytes, wanted: int) -> bytes:
    for number, _, body in _fields(message):
        if number == wanted:
            return body
    raise _no_model("a tensor has no name")


def _fields(message: bytes) -> Iterator[tuple[int, bytes, bytes]]:
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
            raise _no_model("a field is of no known kind")
        if place > len(message):
            raise _no_model("it ends inside a field")
        yield number, message[start:place], body


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if place >= len(message):
            raise _no_model("it ends inside a number")
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _no_model("a number is too long")


def _encoded(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, body: bytes) -> bytes:
    return _encoded(number << 3 | _BYTES) + _encoded(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _encoded(number << 3 | _VARINT) + _encoded(value)


def _no_model(why: str) -> Refuse:
    return Refuse(
        "deid.model", f"these bytes are no ONNX model that can be prepared: {why}", "install the pinned wheel"
    )

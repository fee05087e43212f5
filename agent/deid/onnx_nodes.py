"""Nodes and constants of an ONNX graph: read from their bytes, and written.

Guarantees: pure; what can't be read is `Refuse` `deid.model`. Constants are read from raw or packed
floats: both are little-endian. Field numbers: onnx/onnx.proto3, messages NodeProto, AttributeProto and
TensorProto.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.deid.onnx_wire import field, fields, integers, no_model, number, text

NODE, INITIALIZER = 1, 5  # of the graph
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE, _DOMAIN = 1, 2, 4, 5, 7
_ATTRIBUTE_NAME, _VALUE, _INTEGER, _INTEGERS, _KIND = 1, 2, 3, 8, 20
_IS_INTEGER, _IS_INTEGERS = 2, 7
_DIMS, _TYPE, _FLOATS, _TENSOR_NAME, _RAW = 1, 2, 4, 8, 9
_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6}
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `attributes`: their spelling, by name."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, bytes]

    def spelled(self) -> bytes:
        """The node as a field of a graph."""
        return node(self.operator, self.inputs, self.output, self.attributes.values())

    def integers(self, name: str) -> tuple[int, ...]:
        """Attribute `name`; empty when it is not there."""
        spelling = self.attributes.get(name, b"")
        return tuple(
            value
            for kind, _, body in fields(spelling)
            if kind in (_INTEGERS, _INTEGER)
            for value in integers(body)
        )

    def real(self, name: str) -> float:
        """Attribute `name`, which must be there."""
        if name not in self.attributes:
            raise no_model(f"operator {self.operator} has no {name}")
        return float(np.frombuffer(text(self.attributes[name], _VALUE), "<f4")[0])


def read_node(body: bytes) -> Node:
    """The node that `body` spells; one with several outputs is refused."""
    parts = tuple(fields(body))
    outputs = [value for kind, _, value in parts if kind == _OUTPUT and value]
    if len(outputs) != 1 or any(value for kind, _, value in parts if kind == _DOMAIN):
        raise no_model("a node has several outputs or is of a domain of its own")
    return Node(
        text(body, _OPERATOR).decode(),
        tuple(value.decode() for kind, _, value in parts if kind == _INPUT),
        outputs[0].decode(),
        {text(value, _ATTRIBUTE_NAME).decode(): value for kind, _, value in parts if kind == _ATTRIBUTE},
    )


def node(operator: str, inputs: Iterable[str], output: str, attributes: Iterable[bytes] = ()) -> bytes:
    """A node as a field of a graph."""
    return field(
        NODE,
        b"".join(field(_INPUT, name.encode()) for name in inputs)
        + field(_OUTPUT, output.encode())
        + field(_OPERATOR, operator.encode())
        + b"".join(field(_ATTRIBUTE, spelling) for spelling in attributes),
    )


def integer(name: str, value: int) -> bytes:
    """An attribute that is one number."""
    return field(_ATTRIBUTE_NAME, name.encode()) + number(_INTEGER, value) + number(_KIND, _IS_INTEGER)


def several(name: str, values: Iterable[int]) -> bytes:
    """An attribute that is a list of numbers."""
    spelled = b"".join(number(_INTEGERS, value) for value in values)
    return field(_ATTRIBUTE_NAME, name.encode()) + spelled + number(_KIND, _IS_INTEGERS)


def read_floats(body: bytes) -> Floats:
    """The constant that `body` spells, which must be of 32-bit floating point."""
    parts = tuple(fields(body))
    shape = [size for kind, _, value in parts if kind == _DIMS for size in integers(value)]
    types = [value for kind, _, value in parts if kind == _TYPE]
    data = b"".join(value for kind, _, value in parts if kind in (_RAW, _FLOATS))
    if types != [bytes([_TYPES["float32"]])] or len(data) != 4 * int(np.prod(shape)):
        raise no_model("a constant is not of 32-bit floating point")
    return np.frombuffer(data, "<f4").reshape(shape).astype(np.float32)


def constant(name: str, value: NDArray[np.generic]) -> bytes:
    """A constant as a field of a graph."""
    dims = b"".join(number(_DIMS, size) for size in value.shape)
    kind = number(_TYPE, _TYPES[value.dtype.name])
    raw = value.astype(value.dtype.newbyteorder("<")).tobytes()
    return field(INITIALIZER, dims + kind + field(_TENSOR_NAME, name.encode()) + field(_RAW, raw))

"""Prepares an ONNX model, on its bytes: what is constant is said to be, height and width become free.

Guarantees: pure and deterministic, so that the result has a hash which can be written down; all that is not
named here is copied byte for byte. Leaves out checking the model (the caller compares hashes first) and
weights.

A model whose initializers are listed among the graph's inputs keeps them changeable, and a runtime may then
fold nothing (onnx IR, "Graphs": initializers that are also inputs are defaults). Field numbers:
onnx/onnx.proto3, messages ModelProto, GraphProto, TensorProto, ValueInfoProto, TypeProto, TensorShapeProto.
"""

from __future__ import annotations

from agent.deid.onnx_wire import field, fields, no_model, number, text

_GRAPH = 7
_INITIALIZER, _INPUT, _OUTPUT, _VALUE_INFO = 5, 11, 12, 13
_TENSOR_NAME = 8
_INFO_NAME, _INFO_TYPE = 1, 2
_TENSOR_TYPE = 1
_ELEMENT, _SHAPE = 1, 2
_DIMENSION, _SIZE, _SYMBOL = 1, 1, 2
_FLOAT = 1


def prepare(model: bytes, outputs: tuple[str, ...]) -> bytes:
    """`model` with one picture of three colours and free size as its only input, and `outputs` of free shape.

    What only other outputs need is then never computed. Raises `Refuse` `deid.model` when these bytes are no
    such model.
    """
    wanted = {name.encode() for name in outputs}
    parts = tuple(fields(model))
    if [kind for kind, _, _ in parts].count(_GRAPH) != 1:
        raise no_model("it has no graph")
    return b"".join(
        field(_GRAPH, _prepared_graph(body, wanted)) if kind == _GRAPH else raw for kind, raw, body in parts
    )


def _prepared_graph(graph: bytes, wanted: set[bytes]) -> bytes:
    parts = tuple(fields(graph))
    constants = {text(body, _TENSOR_NAME) for kind, _, body in parts if kind == _INITIALIZER}
    kept: list[bytes] = []
    inputs = 0
    found: set[bytes] = set()
    for kind, raw, body in parts:
        if kind == _VALUE_INFO:
            continue  # shapes of the size that it was exported with
        if kind == _INPUT:
            if text(body, _INFO_NAME) in constants:
                continue
            inputs += 1
            raw = field(_INPUT, _info(body, _picture_shape()))
        elif kind == _OUTPUT:
            name = text(body, _INFO_NAME)
            if name not in wanted:
                continue
            found.add(name)
            raw = field(_OUTPUT, _info(body, None))
        kept.append(raw)
    if inputs != 1:
        raise no_model(f"it has {inputs} inputs where one is expected")
    if found != wanted:
        raise no_model("an output that is needed is missing")
    return b"".join(kept)


def _info(body: bytes, shape: bytes | None) -> bytes:
    """The same name, as a float tensor of `shape`."""
    tensor = number(_ELEMENT, _FLOAT) + (b"" if shape is None else field(_SHAPE, shape))
    name = field(_INFO_NAME, text(body, _INFO_NAME))
    return name + field(_INFO_TYPE, field(_TENSOR_TYPE, tensor))


def _picture_shape() -> bytes:
    fixed = (number(_SIZE, 1), number(_SIZE, 3))
    free = (field(_SYMBOL, b"height"), field(_SYMBOL, b"width"))
    return b"".join(field(_DIMENSION, dimension) for dimension in (*fixed, *free))

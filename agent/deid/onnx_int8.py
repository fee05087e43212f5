"""Turns a prepared convolutional ONNX model into one of 8-bit integers, on its bytes.

Guarantees: pure and deterministic: the same model and ranges give the same bytes on every machine, so that
the result has a hash which can be written down. Leaves out measuring the ranges (`face_ranges.py` says how)
and graphs with other operators than below: `Refuse` `deid.model`.

How. The input becomes the picture as decoders give it: 8 bits, 1 by height by width by 3. That loses
nothing, because its step is 1. A `Conv` becomes a `QLinearConv` and swallows the `Relu` behind it: the
output's zero is its least value, so that rounding clips. A `ConvTranspose` of kernel and stride 2 with the
`BatchNormalization` behind it is a convolution of 1 by 1 with four times the channels, and `DepthToSpace`.
`Add` stands between `DequantizeLinear` and `QuantizeLinear`, which runtimes join. Convolutions whose output
is the model's stay in floating point: they are small, and their steps would be many pixels of a face's size.

Weights have one step for each output channel and 7 bits: processors without VNNI add two products of 8 by 8
bits in 16, which 8-bit weights overflow (onnxruntime, "Quantize ONNX models", U8S8 and `reduce_range`).
Operators: ONNX, "Operator Schemas", at opset 13.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from agent.deid.onnx_nodes import (
    INITIALIZER,
    NODE,
    Floats,
    Node,
    constant,
    integer,
    node,
    read_floats,
    read_node,
    several,
)
from agent.deid.onnx_wire import field as spelled
from agent.deid.onnx_wire import fields, no_model, number, text

_IR_VERSION, _GRAPH, _OPSETS = 1, 7, 8
_IR, _OPSET = 7, 13  # ir_version 7 came with opset 12 and 13: onnx, "Versioning"
_NAME, _INPUT, _OUTPUT = 2, 11, 12
_TENSOR_NAME, _INFO_NAME = 8, 1
_UINT8 = 2
_WEIGHT = 63
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """A convolution with all that it swallows. `doubles`: its channels become 2 by 2 places afterwards."""

    source: str
    output: str
    weights: Floats
    bias: Floats
    attributes: tuple[bytes, ...]
    rectified: bool
    doubles: bool


@dataclass(slots=True)
class _Graph:
    """The new graph while it is written, and each 8-bit tensor's step and zero."""

    ranges: Ranges
    nodes: list[bytes] = field(default_factory=list)
    constants: dict[str, bytes] = field(default_factory=dict)
    steps: dict[str, np.float32] = field(default_factory=dict)
    converted: set[str] = field(default_factory=set)

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self.constants[name] = constant(name, value)
        return name

    def measured(self, name: str, *, rectified: bool) -> None:
        """Takes step and zero of tensor `name` from its range."""
        try:
            low, high = self.ranges[name]
        except KeyError:
            raise no_model(f"the range of tensor {name} was not measured") from None
        low = 0.0 if rectified else min(low, 0.0)
        step = np.float32(max(high - low, 1e-6) / 255)
        self.fixed(name, step, round(-low / float(step)))

    def fixed(self, name: str, step: np.float32, zero: int) -> None:
        """Gives tensor `name` its step and zero."""
        self.steps[name] = step
        self.constant(f"{name}:step", np.array(step, np.float32))
        self.constant(f"{name}:zero", np.array(zero, np.uint8))

    def floating(self, name: str) -> str:
        """Tensor `name` as floating point, once."""
        wanted = f"{name}:float"
        if wanted not in self.converted:
            self.converted.add(wanted)
            self.nodes.append(node("DequantizeLinear", _with_step(name), wanted))
        return wanted


def in_8_bits(model: bytes, ranges: Ranges) -> bytes:
    """`model`, as `onnx_graph.prepare` gives it, in 8 bits; `ranges`: least and largest value of tensors.

    Raises `Refuse` `deid.model` for a model that is not of the kind above.
    """
    graphs = [body for kind, _, body in fields(model) if kind == _GRAPH]
    if len(graphs) != 1:
        raise no_model("it has no graph")
    opset = spelled(_OPSETS, spelled(1, b"") + number(2, _OPSET))
    return number(_IR_VERSION, _IR) + spelled(_GRAPH, _in_8_bits(graphs[0], ranges)) + opset


def _in_8_bits(body: bytes, ranges: Ranges) -> bytes:
    parts = tuple(fields(body))
    constants = {text(part, _TENSOR_NAME).decode(): part for kind, _, part in parts if kind == INITIALIZER}
    outputs = {text(part, _INFO_NAME).decode() for kind, _, part in parts if kind == _OUTPUT}
    inputs = [text(part, _INFO_NAME).decode() for kind, _, part in parts if kind == _INPUT]
    if len(inputs) != 1:
        raise no_model(f"it has {len(inputs)} inputs where one is expected")
    [source] = inputs
    nodes = _needed([read_node(part) for kind, _, part in parts if kind == NODE], outputs)
    graph = _Graph(ranges)
    graph.fixed(source, np.float32(1), 0)
    graph.nodes.append(node("Transpose", (f"{source}:picture",), source, (several("perm", (0, 3, 1, 2)),)))
    _write_all(graph, nodes, outputs, constants)
    heads = b"".join(raw for kind, raw, _ in parts if kind == _OUTPUT)
    written = b"".join((*graph.nodes, spelled(_NAME, b"int8"), *graph.constants.values()))
    return written + spelled(_INPUT, _picture(f"{source}:picture")) + heads


def _write_all(
    graph: _Graph, nodes: Sequence[Node], outputs: set[str], constants: Mapping[str, bytes]
) -> None:
    floating = _in_floating_point(nodes, outputs)
    swallowed: set[str] = set()
    for one in nodes:
        if one.output in swallowed:
            continue
        if one.output in floating:
            _keep(graph, one, constants)
        elif one.operator == "Add":
            _add(graph, one)
        else:
            behind = _followers(one, nodes)
            layer, used = _layer(one, behind, constants)
            swallowed.update(used)
            _convolve(graph, layer)


def _needed(nodes: Sequence[Node], outputs: set[str]) -> list[Node]:
    """Without those that no output is computed from."""
    wanted, kept = set(outputs), []
    for one in reversed(nodes):
        if one.output in wanted:
            wanted.update(one.inputs)
            kept.append(one)
    return kept[::-1]


def _in_floating_point(nodes: Sequence[Node], outputs: set[str]) -> set[str]:
    """The convolutions that make outputs, and what stands between."""
    found = set(outputs)
    for one in reversed(nodes):
        if one.output in found and one.operator != "Conv":
            found.update(one.inputs)
    return found


def _followers(one: Node, nodes: Sequence[Node]) -> tuple[Node, ...]:
    """The nodes behind `one`, as long as each has one reader only."""
    chain: list[Node] = []
    last = one
    while len(readers := [other for other in nodes if last.output in other.inputs]) == 1:
        [last] = readers
        chain.append(last)
        if last.operator not in ("BatchNormalization", "Relu"):
            break
    return tuple(chain)


def _layer(
    one: Node, behind: Sequence[Node], constants: Mapping[str, bytes]
) -> tuple[_Layer, tuple[str, ...]]:
    """The convolution `one` with what it swallows, and the outputs of what it swallowed."""
    if one.operator not in ("Conv", "ConvTranspose"):
        raise no_model(f"operator {one.operator} can't be written in 8 bits")
    weights = _floats(one.inputs[1], constants)
    doubles = one.operator == "ConvTranspose"
    if doubles:
        weights = _side_by_side(one, weights)
    bias = _floats(one.inputs[2], constants) if len(one.inputs) > 2 else np.zeros(len(weights), np.float32)
    layer = _Layer(
        source=one.inputs[0],
        output=one.output,
        weights=weights,
        bias=bias,
        attributes=() if doubles else tuple(one.attributes.values()),
        rectified=False,
        doubles=doubles,
    )
    used: list[str] = []
    for other in behind:
        if other.operator == "BatchNormalization" and not layer.rectified:
            layer = _normalised(layer, other, constants)
        elif other.operator == "Relu":
            layer = replace(layer, output=other.output, rectified=True)
        else:
            break
        used.append(other.output)
    return layer, tuple(used)


def _side_by_side(one: Node, weights: Floats) -> Floats:
    """Weights of a convolution whose channels, by `DepthToSpace`, are the places of a transposed one."""
    if weights.shape[2:] != (2, 2) or one.integers("strides") != (2, 2) or any(one.integers("pads")):
        raise no_model("a transposed convolution does not double its input")
    sources, channels = weights.shape[:2]
    return np.ascontiguousarray(weights.transpose(2, 3, 1, 0)).reshape(4 * channels, sources, 1, 1)


def _normalised(layer: _Layer, one: Node, constants: Mapping[str, bytes]) -> _Layer:
    scale, shift, mean, variance = (_floats(name, constants) for name in one.inputs[1:5])
    factor = scale / np.sqrt(variance + np.float32(one.real("epsilon")))
    shift = shift - mean * factor
    times = len(layer.weights) // len(factor)
    factor, shift = np.tile(factor, times), np.tile(shift, times)
    return replace(
        layer,
        output=one.output,
        weights=layer.weights * factor[:, None, None, None],
        bias=layer.bias * factor + shift,
    )


def _convolve(graph: _Graph, layer: _Layer) -> None:
    output = f"{layer.output}:deep" if layer.doubles else layer.output
    largest = np.abs(layer.weights).reshape(len(layer.weights), -1).max(axis=1)
    steps = (np.maximum(largest, np.float32(1e-9)) / np.float32(_WEIGHT)).astype(np.float32)
    weights = np.rint(layer.weights / steps[:, None, None, None]).astype(np.int8)
    finest = graph.steps[layer.source].astype(np.float64) * steps
    bias = np.clip(np.rint(layer.bias / finest), -(2**31), 2**31 - 1).astype(np.int32)
    graph.measured(layer.output, rectified=layer.rectified)
    inputs = (
        *_with_step(layer.source),
        graph.constant(f"{output}:weights", weights),
        graph.constant(f"{output}:weights:step", steps),
        graph.constant(f"{output}:weights:zero", np.zeros(len(steps), np.int8)),
        f"{layer.output}:step",
        f"{layer.output}:zero",
        graph.constant(f"{output}:bias", bias),
    )
    graph.nodes.append(node("QLinearConv", inputs, output, layer.attributes))
    if layer.doubles:
        graph.nodes.append(node("DepthToSpace", (output,), layer.output, (integer("blocksize", 2),)))


def _add(graph: _Graph, one: Node) -> None:
    graph.measured(one.output, rectified=False)
    terms = tuple(graph.floating(name) for name in one.inputs)
    graph.nodes.append(node("Add", terms, f"{one.output}:sum"))
    graph.nodes.append(node("QuantizeLinear", (f"{one.output}:sum", *_with_step(one.output)[1:]), one.output))


def _keep(graph: _Graph, one: Node, constants: Mapping[str, bytes]) -> None:
    """Copies a node of floating point, with its constants."""
    inputs = tuple(graph.floating(name) if name in graph.steps else name for name in one.inputs)
    for name in one.inputs:
        if name in constants:
            graph.constants[name] = spelled(INITIALIZER, constants[name])
    graph.nodes.append(replace(one, inputs=inputs).spelled())


def _floats(name: str, constants: Mapping[str, bytes]) -> Floats:
    if name not in constants:
        raise no_model(f"{name} is no constant")
    return read_floats(constants[name])


def _with_step(name: str) -> tuple[str, str, str]:
    return name, f"{name}:step", f"{name}:zero"


def _picture(name: str) -> bytes:
    """The input: 8 bits, 1 by height by width by 3 (fields of ValueInfoProto and TensorShapeProto)."""
    sizes = (number(1, 1), spelled(2, b"height"), spelled(2, b"width"), number(1, 3))
    shape = b"".join(spelled(1, size) for size in sizes)
    tensor = number(1, _UINT8) + spelled(2, shape)
    return spelled(1, name.encode()) + spelled(2, spelled(1, tensor))

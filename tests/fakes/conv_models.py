"""A small convolutional ONNX model with every operator that can be written in 8 bits, and its ranges.

It takes a picture of three colours and any even size. Its body: a convolution with `Relu`, one by stride 2
without, an `Add`, a transposed one that doubles the size again with `BatchNormalization` and `Relu`. Its
outputs are called as the face model's: the heat is a `Sigmoid`, the others are convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from agent.deid.onnx_nodes import Floats, constant, node, several
from agent.deid.onnx_wire import field, number

INPUT = "input.1"
RANGES: Mapping[str, tuple[float, float]] = {
    "first": (0, 400),
    "half": (-400, 400),
    "other": (0, 400),
    "sum": (-400, 800),
    "body": (0, 600),
}


def conv_model(*, kernel: int = 2, activation: str = "Relu", reader: bytes = b"") -> bytes:
    """The model. `kernel` of the transposed convolution, `activation` behind the first convolution; `reader`:
    one more node of the graph.
    """
    random = np.random.default_rng(7)

    def weights(*shape: int) -> Floats:
        spread = float(np.prod(shape[1:])) ** 0.5
        return np.asarray(random.standard_normal(shape) / spread, dtype=np.float32)

    def positive(length: int) -> Floats:
        return np.abs(weights(length)) + np.float32(1)

    def small(*shape: int) -> Floats:
        return weights(*shape, 1, 1) * np.float32(0.01)

    constants: dict[str, Floats] = {
        "w1": weights(6, 3, 3, 3), "b1": weights(6), "w2": weights(6, 6, 1, 1), "b2": weights(6),
        "w3": weights(6, 6, 1, 1), "wt": weights(6, 4, kernel, kernel), "scale": positive(4),
        "shift": weights(4), "mean": weights(4), "variance": positive(4),
        "wh": small(1, 4), "ws": small(2, 4), "wo": small(2, 4),
    }  # fmt: skip
    pads = several("pads", (1, 1, 1, 1))
    half = several("strides", (2, 2))
    nodes = (
        node("Conv", (INPUT, "w1", "b1"), "raw", (pads, several("kernel_shape", (3, 3)))),
        node(activation, ("raw",), "first"),
        node("Conv", ("first", "w2", "b2"), "half", (half,)),
        node("Conv", ("half", "w3"), "other.raw"),
        node("Relu", ("other.raw",), "other"),
        node("Add", ("half", "other"), "sum"),
        node("ConvTranspose", ("sum", "wt"), "double", (half,)),
        node("BatchNormalization", ("double", "scale", "shift", "mean", "variance"), "normal", (_epsilon(),)),
        node("Relu", ("normal",), "body"),
        node("Conv", ("body", "wh"), "heat"),
        node("Sigmoid", ("heat",), "537"),
        node("Conv", ("body", "ws"), "538"),
        node("Conv", ("body", "wo"), "539"),
        reader,
    )
    graph = b"".join(nodes) + field(2, b"small")
    graph += b"".join(constant(name, value) for name, value in constants.items())
    graph += field(11, _info(INPUT, (1, 3, 8, 8)))
    graph += b"".join(field(12, _info(name, (1, 1, 8, 8))) for name in ("537", "538", "539"))
    return number(1, 4) + field(7, graph) + field(8, field(1, b"") + number(2, 9))


def _epsilon() -> bytes:
    name, kind = field(1, b"epsilon"), number(20, 1)
    return name + bytes([2 << 3 | 5]) + np.float32(0.001).tobytes() + kind


def _info(name: str, shape: tuple[int, ...]) -> bytes:
    dimensions = b"".join(field(1, number(1, size)) for size in shape)
    return field(1, name.encode()) + field(2, field(1, number(1, 1) + field(2, dimensions)))

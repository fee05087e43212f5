"""A model in 8 bits: nearly the same answers, the same bytes each time, no guess at what it doesn't know."""

from __future__ import annotations

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # publishes no type information
import pytest

from agent.deid.faces import OUTPUTS
from agent.deid.onnx_graph import prepare
from agent.deid.onnx_int8 import in_8_bits
from agent.deid.onnx_nodes import INITIALIZER, constant, node, read_floats, read_node
from agent.deid.onnx_wire import field, fields, number, text
from agent.model.errors import Refuse
from tests.fakes.conv_models import INPUT, RANGES, conv_model


def session(model: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("size", [(8, 8), (12, 20)])
def test_its_answers_are_those_of_the_model_in_floating_point(size: tuple[int, int]) -> None:
    prepared = prepare(conv_model(), OUTPUTS)
    rgb = np.random.default_rng(3).integers(0, 256, (1, *size, 3), np.uint8)
    wanted = session(prepared).run(list(OUTPUTS), {INPUT: rgb.transpose(0, 3, 1, 2).astype(np.float32)})
    found = session(in_8_bits(prepared, RANGES)).run(list(OUTPUTS), {f"{INPUT}:picture": rgb})
    for one, other in zip(wanted, found, strict=True):
        assert one.shape == other.shape
        # Rounding to 255 steps in five layers; a wrong channel or place would be as far off as the spread.
        assert np.abs(one - other).max() < 0.12 * (one.max() - one.min())
        assert np.abs(one - other).mean() < 0.02 * (one.max() - one.min())


def test_the_picture_goes_in_as_decoders_give_it() -> None:
    [place] = session(in_8_bits(prepare(conv_model(), OUTPUTS), RANGES)).get_inputs()
    assert (place.name, place.type) == (f"{INPUT}:picture", "tensor(uint8)")
    assert place.shape == [1, "height", "width", 3]


def test_it_is_deterministic() -> None:
    assert in_8_bits(prepare(conv_model(), OUTPUTS), RANGES) == in_8_bits(
        prepare(conv_model(), OUTPUTS), RANGES
    )


def test_no_product_of_a_weight_overflows_16_bits() -> None:
    """Two products of 8 by 8 bits are added in 16 on processors without VNNI."""
    [graph] = [
        body for kind, _, body in fields(in_8_bits(prepare(conv_model(), OUTPUTS), RANGES)) if kind == 7
    ]
    largest = [
        np.abs(np.frombuffer(text(body, 9), np.int8).astype(int)).max()
        for kind, _, body in fields(graph)
        if kind == INITIALIZER and text(body, 8).endswith(b":weights")
    ]
    assert len(largest) == 4
    assert all(value == 63 for value in largest)
    assert 2 * 63 * 255 < 2**15


def test_what_no_output_needs_is_left_out() -> None:
    with_more = conv_model(reader=node("Tanh", ("body",), "540"))
    assert in_8_bits(prepare(with_more, OUTPUTS), RANGES) == in_8_bits(prepare(conv_model(), OUTPUTS), RANGES)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_a_range_that_was_not_measured_is_no_guess(name: str) -> None:
    ranges = {key: value for key, value in RANGES.items() if key != name}
    with pytest.raises(Refuse) as caught:
        in_8_bits(prepare(conv_model(), OUTPUTS), ranges)
    assert caught.value.code == "deid.model"


@pytest.mark.parametrize(
    "model",
    [
        prepare(conv_model(activation="Tanh"), OUTPUTS),
        prepare(conv_model(kernel=3), OUTPUTS),
        b"",
        field(7, b""),
        number(1, 7),
    ],
    ids=["another operator", "not doubling", "nothing", "an empty graph", "no graph"],
)
def test_another_kind_of_model_is_refused(model: bytes) -> None:
    with pytest.raises(Refuse) as caught:
        in_8_bits(model, RANGES)
    assert caught.value.code == "deid.model"


def test_a_node_of_several_outputs_or_of_another_domain_is_refused() -> None:
    [(_, _, body)] = fields(node("Split", ("a",), "b"))
    for more in (field(2, b"c"), field(7, b"com.example")):
        with pytest.raises(Refuse) as caught:
            read_node(body + more)
        assert caught.value.code == "deid.model"
    assert read_node(body).spelled() == node("Split", ("a",), "b")


def test_constants_are_read_as_they_were_written() -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    [(_, _, body)] = fields(constant("w", value))
    assert (read_floats(body) == value).all()
    packed = b"".join(number(1, size) for size in value.shape) + number(2, 1) + field(4, value.tobytes())
    assert (read_floats(packed) == value).all()


@pytest.mark.parametrize("kind", ["int8", "too short"])
def test_a_constant_of_other_numbers_is_refused(kind: str) -> None:
    [(_, _, body)] = fields(constant("w", np.zeros(4, np.int8 if kind == "int8" else np.float32)))
    with pytest.raises(Refuse) as caught:
        read_floats(body if kind == "int8" else body.replace(number(1, 4), number(1, 5)))
    assert caught.value.code == "deid.model"

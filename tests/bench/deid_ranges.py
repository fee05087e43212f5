"""Measures the ranges of the face model's tensors that `agent/deid/face_ranges.py` holds.

Run: `python -m tests.bench.deid_ranges MODEL PICTURE...` with the ONNX file out of the pinned wheel, films
(every 50th frame) and stills. It prints the table. The numbers are the least and largest value of each tensor
over all pictures at the detector's two sizes; nothing of a picture can be told from them. Nobody needs to run
it again: the table is part of the source, and with it the prepared model's hash is fixed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # publishes no type information

from agent.deid.faces import OUTPUTS
from agent.deid.onnx_graph import prepare
from agent.deid.onnx_int8 import in_8_bits
from agent.deid.onnx_session import input_size
from agent.deid.onnx_wire import field, fields

_GRAPH, _OUTPUT = 7, 12
_SIDES = (640, 960)
_EACH = 50


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    arguments = parser.parse_args()
    names, model = with_more_outputs(prepare(arguments.model.read_bytes(), OUTPUTS))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    low, high = dict.fromkeys(names, np.inf), dict.fromkeys(names, -np.inf)
    for picture in pictures(arguments.pictures):
        blob = np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32)
        for name, value in zip(names, session.run(names, {"input.1": blob}), strict=True):
            low[name], high[name] = min(low[name], value.min()), max(high[name], value.max())
    for name in names:
        print(f'    "{name}": ({low[name]:.5g}, {high[name]:.5g}),')  # noqa: T201  # a bench prints


class Asked(dict[str, tuple[float, float]]):
    """Takes down which ranges are wanted."""

    def __missing__(self, name: str) -> tuple[float, float]:
        self[name] = (0.0, 1.0)
        return self[name]


def with_more_outputs(model: bytes) -> tuple[list[str], bytes]:
    """The names of the tensors whose ranges are wanted, and `model` with each as an output."""
    asked = Asked()
    in_8_bits(model, asked)
    more = b"".join(field(_OUTPUT, field(1, name.encode())) for name in asked)
    return list(asked), b"".join(
        field(_GRAPH, body + more) if kind == _GRAPH else raw for kind, raw, body in fields(model)
    )


def pictures(paths: list[Path]) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Every 50th frame of each file, in red, green and blue, at each size of the detector."""
    for path in paths:
        with av.open(str(path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % _EACH:
                    continue
                for side in _SIDES:
                    width, height = input_size((frame.width, frame.height), side)
                    yield (
                        frame.reformat(width=width, height=height, format="rgb24", interpolation="BILINEAR")
                        .to_ndarray()
                        .astype(np.uint8)
                    )


if __name__ == "__main__":
    main()

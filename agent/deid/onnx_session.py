"""How the models are run: one session of onnxruntime for one model, and the pictures that it takes.

Guarantees: one thread, the processor only, nothing printed. `BROKEN` are the runtime's errors, which derive
from nothing narrower than `Exception`. Leaves out what an error means (`faces.py`, `text.py`).
"""

from __future__ import annotations

from typing import Any

import onnxruntime  # type: ignore[import-untyped]  # publishes no type information

_MULTIPLE = 32  # both networks halve their input five times
BROKEN = (
    onnxruntime.capi.onnxruntime_pybind11_state.EPFail,
    onnxruntime.capi.onnxruntime_pybind11_state.EngineError,
    onnxruntime.capi.onnxruntime_pybind11_state.Fail,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidGraph,
    onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf,
    onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented,
    onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException,
)


def open_session(model: bytes) -> Any:
    """An `onnxruntime.InferenceSession` over the bytes of a model whose hash was checked. Raises `BROKEN`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def input_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size to scale a picture of `size` to, so that its longer side is about `side`, in steps of 32."""
    scale = min(1.0, side / max(size))
    width, height = (_MULTIPLE * max(1, -(-round(length * scale) // _MULTIPLE)) for length in size)
    return width, height

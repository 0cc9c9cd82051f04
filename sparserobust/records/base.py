"""The base of all records, the schema version, and per-example arrays as compact JSON."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

from sparserobust.one_line import OneLine

SCHEMA_VERSION = 3


class Record(OneLine, BaseModel):
    """Immutable, refuses unknown fields, compares by value, prints in one line."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.model_dump_json() == other.model_dump_json()

    def __hash__(self) -> int:
        return hash(self.model_dump_json())


def _encode(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Booleans as packed bits in base64, numbers as a list in which null stands for infinity."""
    if array.dtype == bool:
        bits = base64.b64encode(np.packbits(array, axis=None).tobytes()).decode("ascii")
        return {"shape": list(array.shape), "bits": bits}
    values = [float(f"{v:.7g}") if np.isfinite(v) else None for v in array.ravel().tolist()]
    return {"shape": list(array.shape), "values": values}


def _decode(raw: Any) -> np.ndarray[Any, Any]:
    try:
        array = _array(raw)
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from None  # pydantic reports this one
    if array.ndim == 0:
        raise ValueError("per-example results must be an array over the examples, got a single value")
    return array


def _array(raw: Any) -> np.ndarray[Any, Any]:
    if isinstance(raw, dict):
        sizes: Any = raw.get("shape")
        whole = isinstance(sizes, list) and all(type(size) is int and size >= 0 for size in sizes)
        if not whole or not {"bits", "values"} & raw.keys():
            raise ValueError("per-example results need a shape of whole numbers and bits or values")
        shape = tuple(sizes)
        if "bits" in raw:
            packed = np.frombuffer(base64.b64decode(str(raw["bits"]), validate=True), dtype=np.uint8)
            if len(packed) != (int(np.prod(shape)) + 7) // 8:
                raise ValueError(f"{len(packed)} bytes of bits do not fill the shape {shape}")
            return np.unpackbits(packed, count=int(np.prod(shape))).astype(bool).reshape(shape)
        values = raw["values"]
        if not isinstance(values, list) or not all(v is None or isinstance(v, int | float) for v in values):
            raise ValueError("values must be a list of numbers, null for infinity")
        return np.array([np.inf if v is None else v for v in values], dtype=np.float64).reshape(shape)
    array = np.asarray(raw)
    if array.dtype == bool:
        return array
    array = array.astype(np.float64)
    if np.isnan(array).any():
        raise ValueError("per-example values must not be NaN; use infinity for 'not found'")
    if np.isneginf(array).any():
        raise ValueError(
            "per-example values must not be minus infinity, which a file cannot tell from infinity"
        )
    return array


ExampleArray = Annotated[
    np.ndarray[Any, Any], BeforeValidator(_decode), PlainSerializer(_encode, return_type=dict[str, Any])
]
"""Results per example: (n,) or (points on the axis, n), boolean or float64; infinity = not found."""

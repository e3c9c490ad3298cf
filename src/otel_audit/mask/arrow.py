"""The two ways in which the masking room touches Arrow arrays beneath pyarrow's own methods."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

__all__ = ["Column", "Offsets", "children", "offsets", "replaced"]

Column: TypeAlias = Any
"""An Arrow array. The stubs of pyarrow type the kernels by element, which arrays of a schema table cannot say."""

Offsets: TypeAlias = npt.NDArray[np.int32]


def offsets(array: Column) -> Offsets:
    """Where each entry of a string, list or map array starts, and the last one ends."""
    return np.frombuffer(memoryview(array.buffers()[1]), np.int32, len(array) + 1, array.offset * 4)


def children(array: Column) -> dict[str, Column]:
    """The children of a struct array by name, null where the struct is: its own ``field()`` has any value there."""
    return dict(zip((field.name for field in array.type), array.flatten(), strict=True))


def replaced(array: Column, new: dict[int, str]) -> Column:
    """A string array with some entries replaced; the very same one where there is nothing to replace."""
    if not new:
        return array
    entries = sorted(new)
    mask = np.zeros(len(array), np.bool_)
    mask[entries] = True
    values = pa.array([new[entry] for entry in entries], pa.string())
    kernels: Any = pyarrow.compute
    return kernels.replace_with_mask(array, pa.array(mask), values)

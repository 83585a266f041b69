"""The values of a model's tensors: in memory once, or mapped from their file while one is read."""

from __future__ import annotations

import math
import mmap
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir

from zoo_compress.core import AnyArray

LARGE_BYTES = 256 << 20
"""Weights of a model that are left in their files if they take as much together."""

SMALLEST_APART_BYTES = 1 << 20
"""What a weight of such a model takes at least to be left there."""

# Types that numpy cannot hand over as ONNX stores them.
PACKED = (
    ir.DataType.STRING,
    ir.DataType.INT4,
    ir.DataType.UINT4,
    ir.DataType.INT2,
    ir.DataType.UINT2,
    ir.DataType.FLOAT4E2M1,
)


class MappedFile:
    """A file that is mapped into memory while someone reads an array in it, and not longer."""

    def __init__(self, path: Path) -> None:
        """Take the file, whose content must not change."""
        self._path = path
        self._mapped: weakref.ref[mmap.mmap] | None = None

    def array(self, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> AnyArray:
        """Return an array that lies at an offset."""
        mapped = None if self._mapped is None else self._mapped()
        if mapped is None:
            with self._path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self._mapped = weakref.ref(mapped)
        flat = np.frombuffer(mapped, dtype.newbyteorder("<"), math.prod(shape), offset)
        return flat.reshape(shape)


class MappedTensor(ir.ExternalTensor):
    """A tensor in a file: what nobody reads at the moment takes no memory."""

    def __init__(self, tensor: ir.ExternalTensor, file: MappedFile) -> None:
        """Take a tensor that is not packed, and its file."""
        super().__init__(
            tensor.location,
            tensor.offset,
            tensor.length,
            tensor.dtype,
            shape=tensor.shape,
            name=tensor.name,
            base_dir=tensor.base_dir,
        )
        self._file = file

    def numpy(self) -> AnyArray:
        """Return the values, read-only."""
        dtype = np.dtype(self.dtype.numpy())
        return self._file.array(dtype, self.shape.numpy(), self.offset or 0)

    def __array__(self, dtype: Any = None) -> AnyArray:
        found = self.numpy()
        return found if dtype is None else found.astype(dtype)

    def tobytes(self) -> bytes:
        """Return the values as the file holds them."""
        return self.numpy().tobytes()


class Payloads(Mapping[str, AnyArray]):
    """The arrays of tensors by name, each read when it is asked for."""

    def __init__(self, tensors: Mapping[str, ir.TensorProtocol]) -> None:
        """Take the tensors."""
        self._tensors = tensors

    def __getitem__(self, name: str) -> AnyArray:
        found: AnyArray = self._tensors[name].numpy()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def hold_values(model: ir.Model) -> None:
    """Make the values of all initializers cheap to read again and again, in place.

    Those of a message become arrays: a message makes a copy for each reader. Those in files
    become arrays too, or stay there if they are large, see `MappedTensor`.
    """
    tensors = [v.const_value for g in model.graphs() for v in g.initializers.values()]
    outside = sum(t.nbytes for t in tensors if isinstance(t, ir.ExternalTensor))
    files = dict[Path, MappedFile]()
    for graph in model.graphs():
        for value in graph.initializers.values():
            tensor = value.const_value
            if tensor is None or isinstance(tensor, ir.Tensor) or tensor.dtype in PACKED:
                continue
            apart = outside >= LARGE_BYTES and tensor.nbytes >= SMALLEST_APART_BYTES
            if apart and isinstance(tensor, ir.ExternalTensor):
                path = Path(tensor.path)
                value.const_value = MappedTensor(tensor, files.setdefault(path, MappedFile(path)))
            else:
                value.const_value = in_memory(tensor)


def in_memory(tensor: ir.TensorProtocol) -> ir.TensorProtocol:
    """Return a tensor with its values in an array of its own."""
    return ir.Tensor(
        np.array(tensor.numpy()),
        dtype=tensor.dtype,
        shape=ir.Shape(tensor.shape.numpy()),
        name=tensor.name,
    )

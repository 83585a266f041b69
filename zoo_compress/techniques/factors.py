"""How the file stores a factor of a weight: as numbers, or as codes that are decoded at load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray, Site
from zoo_compress.graph.fragment import Fragment, initializer_bytes, insert_fragment
from zoo_compress.graph.scaled import add_steps
from zoo_compress.graph.sites import FLOATS
from zoo_compress.numerics.uniform import quantize_uniform

Storage = Literal["float32", "float16", "codes"]
"""Factors as floats of that size, or as 8-bit codes with one step size for each component."""

STORED: dict[Storage, type[np.generic]] = {
    "float32": np.float32,
    "float16": np.float16,
    "codes": np.int8,
}
# Numpy name of an element type -> its number in ONNX.
KINDS = {name: kind for kind, name in FLOATS.items()}
# Codes 0 to 255 with zero at 128 are kept as signed bytes, for which a cast is enough.
BITS, ZERO = 8, 128

Array = npt.NDArray[np.floating[Any]]


def fits(storage: Storage, site: Site) -> bool:
    """Tell whether a storage is no wider than the weights themselves."""
    return np.dtype(STORED[storage]).itemsize <= site.element_bytes


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A factor and what the file holds of it.

    Attributes:
        name: Its name in the graph.
        shape: Its shape, as the node reads it.
        transposed: Whether that is (inputs, outputs) instead of (outputs, inputs).
        component_axis: The axis that numbers the components of the decomposition. Multiplying
            one by a number and dividing it out in the next factor changes nothing, so that
            components need step sizes of their own.
        dtype: Numpy name of the element type that the node reads.
        storage: How it is stored.
    """

    name: str
    shape: tuple[int, ...]
    transposed: bool
    component_axis: int
    dtype: str
    storage: Storage

    @property
    def stored_bytes(self) -> int:
        """Bytes that the factor takes in the file, decode nodes included."""
        if self._plain:
            return initializer_bytes(self.name, self.shape, self._numpy_type.itemsize)
        return self._fragment().stored_bytes

    def encode(self, outputs_first: Array) -> dict[str, AnyArray]:
        """Return what to store for a factor (outputs, inputs, ...), by name of the tensor."""
        values = np.ascontiguousarray(outputs_first.T if self.transposed else outputs_first)
        if self._plain:
            return {self.name: values.astype(self._numpy_type)}
        if self.storage == "float32":
            return self._named({"v": values.astype(np.float32)})
        if self.storage == "float16":
            exponent = int(np.frexp(np.abs(values).max(initial=0))[1])
            unit = np.ldexp(values, -exponent).astype(np.float16)
            return self._named({"v": unit, "f": np.array(np.ldexp(np.float32(1), exponent))})
        axes = tuple(a for a in range(len(self.shape)) if a != self.component_axis)
        grid = quantize_uniform(values, bits=BITS, axes=axes)
        codes = (grid.codes.astype(np.int16) - ZERO).astype(np.int8)
        return self._named({"v": codes, "d": grid.scale, "f": np.array(grid.factor)})

    def decode(self, tensors: Mapping[str, AnyArray]) -> AnyArray:
        """Return the factor that the node reads, computed as the file computes it."""
        if self._plain:
            return tensors[self.name]
        values = tensors[f"{self.name}.v"].astype(np.float32)
        if self.storage == "float16":
            values = values * tensors[f"{self.name}.f"]
        if self.storage == "codes":
            scale = tensors[f"{self.name}.d"].astype(np.float32)
            values = values * (scale * tensors[f"{self.name}.f"])
        return values.astype(self._numpy_type)

    def values(self, tensors: Mapping[str, AnyArray]) -> Array:
        """Return the decoded factor as (outputs, inputs, ...) in float32."""
        decoded = self.decode(tensors).astype(np.float32)
        return decoded.T if self.transposed else decoded

    def compress(self, model: ir.Model, tensors: Mapping[str, AnyArray]) -> None:
        """Replace the factor, an initializer of the model, by what the file holds of it."""
        if not self._plain:
            roles = {name.removeprefix(f"{self.name}."): array for name, array in tensors.items()}
            insert_fragment(model, self._fragment(), roles)

    @property
    def _plain(self) -> bool:
        return self.storage == self.dtype

    @property
    def _numpy_type(self) -> np.dtype[Any]:
        return KINDS[self.dtype].numpy()

    def _named(self, tensors: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        return {f"{self.name}.{role}": array for role, array in tensors.items()}

    def _fragment(self) -> Fragment:
        """Build the decode subgraph; it depends on shapes only."""
        fragment = Fragment(self.name, self.name)
        values = fragment.store("v", self.shape, STORED[self.storage])
        if self.storage != "float32":
            values = fragment.add("Cast", [values], to=onnx.TensorProto.FLOAT)
            values = fragment.add("Mul", [values, self._add_step(fragment)])
        if self.dtype != "float32":
            fragment.add("Cast", [values], to=int(KINDS[self.dtype]))
        fragment.finish()
        return fragment

    def _add_step(self, fragment: Fragment) -> str:
        if self.storage == "float16":
            return fragment.store("f", (), np.float32)
        lengths = [n if a == self.component_axis else 1 for a, n in enumerate(self.shape)]
        return add_steps(fragment, lengths)

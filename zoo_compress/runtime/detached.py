"""A model apart from the weights that candidates replace."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo_compress.core import AnyArray
from zoo_compress.runtime.session import open_session
from zoo_compress.runtime.skeleton import detach_initializers

if TYPE_CHECKING:
    import onnx
    from onnxruntime import InferenceSession


@dataclass(frozen=True, kw_only=True, eq=False)
class Detached:
    """A model without some of its weights, serialised once, and these.

    Attributes:
        skeleton: The model.
        stored: Weights taken out of it.
        supplied: Arrays that it declared without their payload, read when they are needed.
        replaceable: Names of those that candidates may replace.
    """

    skeleton: bytes
    stored: Mapping[str, AnyArray]
    supplied: Mapping[str, AnyArray]
    replaceable: frozenset[str]

    @classmethod
    def of(
        cls,
        model: onnx.ModelProto,
        replaceable: Collection[str],
        supplied: Mapping[str, AnyArray],
    ) -> Detached:
        """Take weights out of a model, which is not changed.

        Args:
            model: The model.
            replaceable: Initializers of its main graph that candidates may replace.
            supplied: Arrays of initializers that it declares without their payload.

        Raises:
            ValueError: If `replaceable` names something that is not such an initializer.
        """
        skeleton, stored = detach_initializers(
            model, [n for n in replaceable if n not in supplied]
        )
        return cls(
            skeleton=skeleton,
            stored=stored,
            supplied=supplied,
            replaceable=frozenset(replaceable),
        )

    def part(self, message: onnx.ModelProto) -> Detached:
        """Return the same for a part of the model."""
        held = {tensor.name for tensor in message.graph.initializer}
        return Detached(
            skeleton=message.SerializeToString(),
            stored={name: array for name, array in self.stored.items() if name in held},
            supplied=_Among(self.supplied, held),
            replaceable=self.replaceable & held,
        )

    def opened(
        self, weights: Mapping[str, AnyArray], *, threads: int | None = None
    ) -> InferenceSession:
        """Open a session in which weights are constants, those without a replacement too.

        Raises:
            SourceError: If ONNX Runtime cannot open it.
        """
        # Weights that lie in files are read for this session only.
        kept = [name for name in (*self.stored, *self.supplied) if name not in weights]
        everything = {**self.originals(kept), **weights}
        return open_session(self.skeleton, threads=threads, initializers=everything)

    def require(self, weights: Mapping[str, AnyArray]) -> None:
        """Check that weights can take the place of replaceable ones.

        Raises:
            ValueError: If one has no counterpart, or another dtype or shape.
        """
        require_replacements(weights, self.originals(weights.keys() & self.replaceable))

    def originals(self, names: Iterable[str]) -> dict[str, AnyArray]:
        """Return the arrays of initializers that the skeleton lacks, in the order of `names`."""
        sources = self.stored, self.supplied
        return {name: next(s[name] for s in sources if name in s) for name in names}

    def message(self) -> onnx.ModelProto:
        """Return the model without what it takes beside it."""
        import onnx

        found: onnx.ModelProto = onnx.ModelProto.FromString(self.skeleton)
        return found

    def everything(self) -> dict[str, AnyArray]:
        """Return all that the model takes beside it."""
        return self.originals([*self.stored, *self.supplied])


class _Among(Mapping[str, AnyArray]):
    """Some of the arrays of a mapping that reads them when they are needed."""

    def __init__(self, arrays: Mapping[str, AnyArray], names: Collection[str]) -> None:
        self._arrays = arrays
        self._names = [name for name in arrays if name in names]

    def __getitem__(self, name: str) -> AnyArray:
        if name not in self._names:
            raise KeyError(name)
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def require_replacements(
    weights: Mapping[str, AnyArray], originals: Mapping[str, AnyArray]
) -> None:
    """Check that weights can take the place of others.

    Raises:
        ValueError: If one has no counterpart, or another dtype or shape.
    """
    for name, array in weights.items():
        original = originals.get(name)
        if original is None:
            raise ValueError(f"weight '{name}' is not among the replaceable initializers")
        if (array.shape, array.dtype) != (original.shape, original.dtype):
            raise ValueError(
                f"weight '{name}': {array.dtype} {array.shape} cannot replace "
                f"{original.dtype} {original.shape}"
            )

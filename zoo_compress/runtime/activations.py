"""Run the original and look at the tensors inside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason

if TYPE_CHECKING:
    import onnx


def activations(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    feeds: Sequence[Feed],
    *,
    supplied: Mapping[str, AnyArray] | None = None,
    threads: int | None = None,
) -> Iterator[dict[str, AnyArray]]:
    """Yield the values of tensors for one sample after the other.

    Args:
        model: The model. It is not changed.
        tensors: Names of inputs of the model and of outputs of its nodes.
        feeds: The samples.
        supplied: Arrays of initializers that the model declares without their payload; it may so
            exceed what a protobuf can hold.
        threads: Threads within an operator; all cores by default.

    Raises:
        SourceError: If ONNX Runtime cannot open the model with these outputs.
        InputError: If a sample does not run.
    """
    given = {entry.name for entry in model.graph.input}
    inside = [name for name in dict.fromkeys(tensors) if name not in given]
    session = open_session(
        _with_outputs(model, inside), threads=threads, initializers=dict(supplied or {})
    )
    errors = runtime_errors(load_onnxruntime())
    for index, feed in enumerate(feeds):
        try:
            found: Sequence[Any] = session.run(inside, dict(feed)) if inside else ()
        except errors as error:
            raise InputError(f"sample {index} does not run: {short_reason(error)}") from error
        values = dict(zip(inside, found, strict=True))
        yield values | {name: feed[name] for name in tensors if name in given}


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> bytes:
    """Return the serialised model that also returns these tensors; their types are inferred."""
    import onnx

    known = {output.name for output in model.graph.output}
    returning = onnx.ModelProto.FromString(model.SerializeToString())
    returning.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    serialized: bytes = returning.SerializeToString()
    return serialized

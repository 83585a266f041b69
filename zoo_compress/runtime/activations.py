"""Run the original and look at the tensors inside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError
from zoo_compress.runtime.flavour import load_onnxruntime
from zoo_compress.runtime.session import open_session, runtime_errors, short_reason
from zoo_compress.runtime.skeleton import detach_initializers

if TYPE_CHECKING:
    import onnx


def activations(
    model: onnx.ModelProto,
    tensors: Sequence[str],
    feeds: Sequence[Feed],
    *,
    weights: Sequence[str],
    threads: int | None = None,
) -> Iterator[dict[str, AnyArray]]:
    """Yield the values of tensors for one sample after the other.

    Args:
        model: The model. It is not changed.
        tensors: Names of inputs of the model and of outputs of its nodes.
        feeds: The samples.
        weights: Initializers that hold most of the bytes: they are passed beside the model, which
            may so exceed what a protobuf can hold.
        threads: Threads within an operator; all cores by default.

    Raises:
        SourceError: If ONNX Runtime cannot open the model with these outputs.
        InputError: If a sample does not run.
    """
    given = {entry.name for entry in model.graph.input}
    inside = [name for name in dict.fromkeys(tensors) if name not in given]
    skeleton, arrays = detach_initializers(model, weights)
    session = open_session(_with_outputs(skeleton, inside), threads=threads, initializers=arrays)
    errors = runtime_errors(load_onnxruntime())
    for index, feed in enumerate(feeds):
        try:
            found: Sequence[Any] = session.run(inside, dict(feed)) if inside else ()
        except errors as error:
            raise InputError(f"sample {index} does not run: {short_reason(error)}") from error
        values = dict(zip(inside, found, strict=True))
        yield values | {name: feed[name] for name in tensors if name in given}


def _with_outputs(skeleton: bytes, names: Sequence[str]) -> bytes:
    """Return a serialised model that also returns these tensors; their types are inferred."""
    import onnx

    model = onnx.ModelProto.FromString(skeleton)
    known = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in known)
    serialized: bytes = model.SerializeToString()
    return serialized

"""How to use a model repository, for the person who finds it."""

from __future__ import annotations

from zoo_compress.deploy.served_model import ServedModel, datatype, dims
from zoo_compress.deploy.triton_shadow import ORIGINAL_SUFFIX, PREFIXES

USAGE = """\
# {name} for Triton Inference Server

    tritonserver --model-repository .

{tensors}

`{name}/README.md` is the model's card, if it has one; `zoo-compress.json` lists the SHA-256 of
each file. The number of instances{batch} may be changed in `{name}/config.pbtxt`. The ONNX Runtime
of the server must know the model's operators; weights that are stored as codes are decoded when
it loads the model.
"""

SHADOW = """
## Comparing with the original

`{name}{suffix}` is the model that this one was made from, and `{shadow}` an ensemble that gives
each request to both and returns `{compressed}...` and `{original}...`. Send it a share of the
requests, compare the answers, and answer with the original's until you trust the other's:

    import numpy as np
    import tritonclient.http as triton

    client = triton.InferenceServerClient("localhost:8000")
    inputs = []
    for name, array in request.items():  # your arrays by input name
        tensor = triton.InferInput(name, array.shape, triton.np_to_triton_dtype(array.dtype))
        inputs.append(tensor.set_data_from_numpy(array))
    answers = client.infer("{shadow}", inputs)
    ours = answers.as_numpy("{compressed}{output}")
    theirs = answers.as_numpy("{original}{output}")
"""


def triton_readme(model: ServedModel, *, shadow: str | None) -> str:
    """Return the text.

    Args:
        model: The model.
        shadow: Name of the ensemble with the original, if there is one.
    """
    text = USAGE.format(
        name=model.name,
        tensors=tensor_table(model),
        batch=", and of requests in a batch," if model.batched else "",
    )
    if shadow is None:
        return text
    return text + SHADOW.format(
        name=model.name,
        suffix=ORIGINAL_SUFFIX,
        shadow=shadow,
        compressed=PREFIXES[0],
        original=PREFIXES[1],
        output=model.outputs[0].name,
    )


def tensor_table(model: ServedModel) -> str:
    """Return inputs and outputs as a Markdown table."""
    rows = [
        f"| {role} | `{spec.name}` | {datatype(spec)} | {_shape(dims(spec))} |"
        for role, specs in (("input", model.inputs), ("output", model.outputs))
        for spec in specs
    ]
    return "\n".join(["| | name | type | shape |", "|---|---|---|---|", *rows])


def _shape(lengths: list[int]) -> str:
    return " × ".join("any" if length < 0 else str(length) for length in lengths) or "scalar"

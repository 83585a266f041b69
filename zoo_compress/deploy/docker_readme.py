"""How to use a build context, for the person who finds it."""

from __future__ import annotations

from zoo_compress.deploy.served_model import ServedModel
from zoo_compress.deploy.triton_readme import tensor_table

USAGE = """\
# {name} in a container

    docker build -t {tag} .
    docker run --rm -p 8000:8000 {gpus}{tag}
    curl localhost:8000/v2/health/ready

The server answers the REST routes of the Open Inference Protocol, version 2, which clients of
Triton and KServe speak: `/v2`, `/v2/health/live`, `/v2/health/ready`, `/v2/models/{name}`,
`/v2/models/{name}/ready` and, by POST, `/v2/models/{name}/infer`, with tensors as JSON or as
bytes (the binary tensor data extension). It is ready once the model is loaded and has run on
`example.npz`. A request that does not fit is answered with 400 and `{{"error": "..."}}`, one of
more than 64 MiB with 413. It runs as a user without rights, and needs no writable file system.

{tensors}

    import numpy as np
    import tritonclient.http as client

    example = np.load("example.npz")
    inputs = []
    for name in example.files:
        tensor = client.InferInput(
            name, example[name].shape, client.np_to_triton_dtype(example[name].dtype)
        )
        tensor.set_data_from_numpy(example[name])
        inputs.append(tensor)
    answer = client.InferenceServerClient("localhost:8000").infer("{name}", inputs)
    print(answer.as_numpy("{output}").shape)

`server.json` says how many requests run at once (`instances`) and how large they may be
(`most_bytes`). `server/` is the whole server, on Starlette and uvicorn; libraries for the protocol
(MLServer, KServe) install 69 packages where these two, with ONNX Runtime and numpy, are 12.
`requirements.txt` pins them all. `model/` holds the model with its card, `zoo-compress.json` the
SHA-256 of each file. The base image is a build argument: `--build-arg BASE=...`, any with Python
3.11 or later. buildah and podman leave the health check out unless they are given
`--format docker`.
"""


def docker_readme(model: ServedModel, *, device: str) -> str:
    """Return the text.

    Args:
        model: The model.
        device: `cpu` or `gpu`.
    """
    return USAGE.format(
        name=model.name,
        tag=image_tag(model.name),
        gpus="--gpus all " if device == "gpu" else "",
        tensors=tensor_table(model),
        output=model.outputs[0].name,
    )


def image_tag(name: str) -> str:
    """Return a name for an image, which may hold no capitals and no two separators in a row."""
    parts = [part for part in name.lower().replace("_", "-").replace(".", "-").split("-") if part]
    return "-".join(parts) or "model"

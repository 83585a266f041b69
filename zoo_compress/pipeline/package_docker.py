"""`package --target docker`: a build context for a container that serves the model."""

from __future__ import annotations

import shlex
from importlib.metadata import version

import zoo_compress
from zoo_compress.core import ProgressCallback
from zoo_compress.deploy.arrangement import Arrangement
from zoo_compress.deploy.docker import (
    EXAMPLE_FILE,
    MODEL_FOLDER,
    SETTINGS_FILE,
    example_file,
    requirements,
    server_files,
    server_settings,
)
from zoo_compress.deploy.docker_readme import docker_readme, image_tag
from zoo_compress.pipeline.package_settings import PackageSettings
from zoo_compress.pipeline.package_source import Goods
from zoo_compress.pipeline.package_trial import try_out
from zoo_compress.runtime.flavour import installed_flavours

BESIDE_RUNTIME = ("flatbuffers", "numpy", "packaging", "protobuf")
"""What ONNX Runtime needs; the image gets the versions that the model was tried with."""


def arrange_docker(goods: Goods, settings: PackageSettings, _: ProgressCallback) -> Arrangement:
    """Put the model into a folder of its own, beside the server.

    Raises:
        InputError: If the model does not run.
        SourceError: If it takes or returns what cannot be served.
    """
    trial = try_out(goods.artifact, name=settings.name or goods.name, data=settings.data)
    model = trial.model
    path = f"{MODEL_FOLDER}/{goods.model}"
    added = {
        **server_files(),
        "README.md": docker_readme(model, device=settings.device).encode(),
        "requirements.txt": requirements(_versions(), device=settings.device),
        EXAMPLE_FILE: example_file(trial.example),
        SETTINGS_FILE: server_settings(
            model,
            path=path,
            device=settings.device,
            instances=settings.instances,
            version=zoo_compress.__version__,
        ),
    }
    out, tag = shlex.quote(str(settings.out)), image_tag(model.name)
    gpus = "--gpus all " if settings.device == "gpu" else ""
    return Arrangement(
        home=MODEL_FOLDER,
        places={name: name for name in goods.names},
        added=added,
        next=(
            f"docker build -t {tag} {out}",
            f"docker run --rm -p 8000:8000 {gpus}{tag}",
        ),
        notes=_notes(settings),
    )


def _versions() -> dict[str, str]:
    runtime = {"onnxruntime": version(installed_flavours()[0])}
    return runtime | {name: version(name) for name in BESIDE_RUNTIME}


def _notes(settings: PackageSettings) -> tuple[str, ...]:
    if settings.data is None:
        return ()
    return (f"the first input of '{settings.data}' is in the bundle, as {EXAMPLE_FILE}",)

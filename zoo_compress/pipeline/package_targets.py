"""Which arrangement each target asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from zoo_compress.core import ProgressCallback
from zoo_compress.deploy.arrangement import Arrangement
from zoo_compress.hub.layout import model_suffix, place
from zoo_compress.pipeline.package_settings import PackageSettings
from zoo_compress.pipeline.package_source import Goods
from zoo_compress.report.transformers_js import DTYPES
from zoo_compress.runtime.session import open_session

NEEDED_BY_TRANSFORMERS_JS = "config.json"


def arrange_plain(goods: Goods, settings: PackageSettings, _: ProgressCallback) -> Arrangement:
    """Put everything into one folder.

    Raises:
        SourceError: If ONNX Runtime does not open the model.
    """
    _require_open(goods)
    return Arrangement(
        home=".",
        places={name: name for name in goods.names},
        next=(f"zoo-compress inspect {settings.out}",),
    )


def arrange_transformers_js(
    goods: Goods, settings: PackageSettings, _: ProgressCallback
) -> Arrangement:
    """Put the model into `onnx/` under a name that transformers.js looks for.

    Raises:
        SourceError: If ONNX Runtime does not open the model.
    """
    _require_open(goods)
    model = _name_in_transformers_js(goods)
    places = {
        name: place(name, model=goods.model, data=goods.data, layout="transformers-js", suffix="")
        for name in goods.names
    }
    places[goods.model] = f"onnx/{model}.onnx"
    dtype = DTYPES[model.removeprefix("model")]
    parent = settings.out.absolute().parent
    return Arrangement(
        home=".",
        places=places,
        next=(
            f'env.localModelPath = "{parent}/"; '
            f'await pipeline(task, "{settings.out.absolute().name}", {{ dtype: "{dtype}" }})',
        ),
        notes=_transformers_js_notes(goods, model),
    )


def _require_open(goods: Goods) -> None:
    # The model of a run was opened and run by its gate, and has not been changed since.
    if not goods.from_run:
        open_session(goods.artifact.model_path)


def _name_in_transformers_js(goods: Goods) -> str:
    stem = PurePosixPath(goods.model).stem
    if goods.plan is not None:
        return f"model{model_suffix(goods.plan)}"
    return stem if stem.removeprefix("model") in DTYPES and stem.startswith("model") else "model"


def _transformers_js_notes(goods: Goods, model: str) -> tuple[str, ...]:
    notes = []
    if NEEDED_BY_TRANSFORMERS_JS not in goods.names:
        notes.append(
            f"'{goods.source}' has no {NEEDED_BY_TRANSFORMERS_JS}, without which transformers.js "
            "loads no model; put that of the original into the bundle's source"
        )
    if goods.data:
        notes.append(external_data_note(goods.data, model))
    return tuple(notes)


def external_data_note(data: Sequence[str], model: str) -> str:
    """Return what to know of weights outside the model's file."""
    return (
        f"the weights lie in '{data[0]}', the name that the model refers to; transformers.js "
        f"looks for '{model}.onnx_data'"
    )

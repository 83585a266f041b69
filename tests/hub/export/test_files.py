import re

import pytest

from zoo_compress.hub.export.files import files_to_export, nothing_to_export

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
    ("listing", "problem"),
    [
        (["model.safetensors"], r"safetensors without the config\.json"),
        (["config.json", "model.safetensors.index.json"], "without the files that it lists"),
        (["adapter_model.safetensors", "config.json"], "an adapter for another model"),
        (["config.json", "v1.safetensors"], r"but 'v1\.safetensors': weights are exported from"),
        (
            ["config.json", "pytorch_model.bin"],
            r"a pickle \('pytorch_model\.bin'\), which can run",
        ),
        (["net.Q4.GGUF"], r"but 'net\.Q4\.GGUF', a format that cannot be exported"),
        (["README.md"], r"no config\.json with model\.safetensors.*optimum-cli"),
    ],
)
def test_the_reason_names_what_was_found_instead(listing, problem):
    message = str(nothing_to_export("me/net", listing))
    assert message.startswith("'me/net' holds no .onnx file")
    assert "\n" not in message
    assert re.search(problem, message), message

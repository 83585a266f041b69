import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from zoo_compress.errors import SourceError
from zoo_compress.hub.export.weights import digest_of, find_weights, read_object, read_weights

INDEX = "model.safetensors.index.json"
SHARD = "model-00001-of-00001.safetensors"
A = np.arange(6, dtype=np.float32).reshape(2, 3)


def index(folder, entries):
    (folder / INDEX).write_text(json.dumps({"weight_map": entries}))


def test_one_file_is_read_whole(tmp_path):
    save_file({"a": A, "b": A[0]}, tmp_path / "model.safetensors")
    weights = find_weights(tmp_path)
    assert weights.elements == 9
    read = read_weights(weights)
    assert sorted(read) == ["a", "b"]
    assert np.array_equal(read["a"].numpy(), A)


def test_of_shards_the_tensors_that_the_index_names_are_read(tmp_path):
    save_file({"a": A, "stray": A}, tmp_path / SHARD)
    save_file({"b": A + 1}, tmp_path / "other.safetensors")
    index(tmp_path, {"a": SHARD, "b": "other.safetensors"})
    read = read_weights(find_weights(tmp_path))
    assert sorted(read) == ["a", "b"]
    assert np.array_equal(read["b"].numpy(), A + 1)


@pytest.mark.parametrize("content", [b"", b"\x00" * 4, b"\xff" * 64, b"PK\x03\x04 a pickle"])
def test_a_file_of_another_kind_is_damaged(content, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(SourceError, match=r"model\.safetensors: is damaged or no safetensors"):
        find_weights(tmp_path)


def test_a_truncated_file_is_damaged(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": A}, path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match="is damaged"):
        find_weights(tmp_path)


def test_quantised_weights_are_named_with_their_type(tmp_path):
    save_file({"a": A.astype(np.int8)}, tmp_path / "model.safetensors")
    with pytest.raises(SourceError, match="tensor 'a' is of type I8, as quantised models have"):
        find_weights(tmp_path)


@pytest.mark.parametrize(
    "file",
    [
        "../secret.safetensors",
        "/etc/secret.safetensors",
        "sub/secret.safetensors",
        "..\\secret.safetensors",
        "C:secret.safetensors",
        "pytorch_model.bin",
        "..",
        "",
        7,
        None,
    ],
)
def test_an_index_names_only_safetensors_beside_it(file, tmp_path):
    root = tmp_path / "net"
    (root / "sub").mkdir(parents=True)
    for place in (tmp_path, root / "sub"):
        save_file({"a": A}, place / "secret.safetensors")
    index(root, {"a": file})
    with pytest.raises(SourceError, match=r"index\.json: tensor 'a' is in .*, no file beside it"):
        find_weights(root)


def test_a_missing_shard_is_named(tmp_path):
    index(tmp_path, {"a": SHARD})
    with pytest.raises(SourceError, match=f"holds no file '{SHARD}'"):
        find_weights(tmp_path)


def test_a_tensor_that_its_shard_lacks_is_named(tmp_path):
    save_file({"a": A}, tmp_path / SHARD)
    index(tmp_path, {"a": SHARD, "b": SHARD})
    with pytest.raises(SourceError, match="lacks tensor 'b', which"):
        find_weights(tmp_path)


@pytest.mark.parametrize("content", ["{}", '{"weight_map": []}', '{"weight_map": {}}'])
def test_an_index_without_a_map_is_named(content, tmp_path):
    (tmp_path / INDEX).write_text(content)
    with pytest.raises(SourceError, match="has no 'weight_map'"):
        find_weights(tmp_path)


@pytest.mark.parametrize("content", ["", "{", "[1]", "[" * 100_000])
def test_what_is_no_json_object_is_named(content, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=r"config\.json: (not readable as JSON|expected an obj)"):
        read_object(path)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    root = tmp_path / "net"
    root.mkdir()
    save_file({"a": A}, tmp_path / "secret.safetensors")
    (root / "model.safetensors").symlink_to(tmp_path / "secret.safetensors")
    with pytest.raises(SourceError, match="is a link that leads out of its folder"):
        find_weights(root)


def test_links_as_the_hubs_client_lays_them_out_are_followed(tmp_path):
    root = tmp_path / "models--me--net" / "snapshots" / "0123"
    blobs = tmp_path / "models--me--net" / "blobs"
    root.mkdir(parents=True)
    blobs.mkdir()
    save_file({"a": A}, blobs / "77aa")
    (root / "model.safetensors").symlink_to(blobs / "77aa")
    assert find_weights(root).elements == 6


def test_a_digest_depends_on_contents_and_not_on_the_folder(tmp_path):
    digests = []
    for number, content in enumerate(("x", "x", "y")):
        path = tmp_path / str(number) / "model.safetensors"
        path.parent.mkdir()
        path.write_text(content)
        digests.append(digest_of([path]))
    assert digests[0] == digests[1] != digests[2]

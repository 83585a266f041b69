import hashlib
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import ExternalDataError, SourceError
from zoo_compress.graph.load import data_files, load_model, model_digest

WEIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)


def matmul_model(weight=WEIGHT, *, nodes=(), functions=()):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "W"], ["y"]), *nodes],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4])],
        [numpy_helper.from_array(weight, "W")],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("local", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, functions=functions)


def external(tensor: TensorProto, **entries) -> None:
    """Turn a tensor into a reference with exactly these entries."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))


def save_external(folder: Path, *, file="w.bin", **entries) -> Path:
    model = matmul_model()
    external(model.graph.initializer[0], **{"location": file, **entries})
    (folder / "w.bin").write_bytes(WEIGHT.tobytes())
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def weight_of(model: ir.Model, name="W"):
    return model.graph.initializers[name].const_value.numpy()


def test_a_model_in_one_file_is_read(tmp_path):
    onnx.save(matmul_model(), tmp_path / "m.onnx")
    np.testing.assert_array_equal(weight_of(load_model(tmp_path / "m.onnx")), WEIGHT)
    assert data_files(tmp_path / "m.onnx") == ()


def test_external_tensors_are_read_from_the_models_folder_when_they_are_used(tmp_path):
    model = load_model(save_external(tmp_path, offset=0, length=48))
    assert isinstance(model.graph.initializers["W"].const_value, ir.ExternalTensor)
    np.testing.assert_array_equal(weight_of(model), WEIGHT)


def test_a_relative_path_still_reads_after_the_working_folder_changed(tmp_path, monkeypatch):
    save_external(tmp_path)
    monkeypatch.chdir(tmp_path)
    model = load_model(Path("m.onnx"))
    monkeypatch.chdir("/")
    np.testing.assert_array_equal(weight_of(model), WEIGHT)


def test_data_files_are_listed_once_each_in_name_order(tmp_path):
    model = matmul_model()
    for name, location, offset in (("a", "z.bin", 0), ("b", "d/a.bin", 0), ("c", "z.bin", 4)):
        tensor = numpy_helper.from_array(np.zeros(1, np.float32), name)
        external(tensor, location=location, offset=offset, length=4)
        model.graph.initializer.append(tensor)
    (tmp_path / "d").mkdir()
    (tmp_path / "z.bin").write_bytes(bytes(8))
    (tmp_path / "d" / "a.bin").write_bytes(bytes(4))
    onnx.save(model, tmp_path / "m.onnx")
    assert data_files(tmp_path / "m.onnx") == (tmp_path / "d" / "a.bin", tmp_path / "z.bin")


def constant_node(location: str) -> onnx.NodeProto:
    node = helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(WEIGHT, "inner"))
    external(node.attribute[0].t, location=location)
    return node


def in_a_constant(location):
    return matmul_model(nodes=[constant_node(location)])


def in_a_body_of_a_body(location):
    output = [helper.make_tensor_value_info("c", TensorProto.FLOAT, [3, 4])]
    inner = helper.make_graph([constant_node(location)], "inner", [], output)
    branch = helper.make_node("If", ["t"], ["c"], then_branch=inner, else_branch=inner)
    outer = helper.make_graph([branch], "outer", [], output)
    return matmul_model(
        nodes=[helper.make_node("If", ["t"], ["z"], then_branch=outer, else_branch=outer)]
    )


def in_an_initializer_of_a_body(location):
    tensor = numpy_helper.from_array(WEIGHT, "inner")
    external(tensor, location=location)
    node = helper.make_node("Identity", ["inner"], ["c"])
    output = [helper.make_tensor_value_info("c", TensorProto.FLOAT, [3, 4])]
    body = helper.make_graph([node], "body", [], output, [tensor])
    return matmul_model(
        nodes=[helper.make_node("If", ["t"], ["z"], then_branch=body, else_branch=body)]
    )


def in_a_function(location):
    opset = [helper.make_opsetid("", 18)]
    function = helper.make_function("local", "F", [], ["c"], [constant_node(location)], opset)
    call = helper.make_node("F", [], ["z"], domain="local")
    return matmul_model(nodes=[call], functions=[function])


PLACES = (in_a_constant, in_a_body_of_a_body, in_an_initializer_of_a_body, in_a_function)


@pytest.mark.parametrize("build", PLACES)
def test_external_data_is_checked_wherever_a_tensor_can_be(build, tmp_path):
    onnx.save(build("gone.bin"), tmp_path / "m.onnx")
    with pytest.raises(ExternalDataError, match=r"'inner'.*'gone\.bin' is missing"):
        load_model(tmp_path / "m.onnx")


@pytest.mark.parametrize("build", PLACES)
def test_external_data_is_readable_wherever_a_tensor_can_be(build, tmp_path, monkeypatch):
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    onnx.save(build("w.bin"), tmp_path / "m.onnx")
    model = load_model(tmp_path / "m.onnx")
    monkeypatch.chdir("/")
    owners = [model.graph, *(function.graph for function in model.functions.values())]
    tensors = [t for g in owners for t in ir.external_data._all_tensors(g, True)]
    outside = [tensor for tensor in tensors if isinstance(tensor, ir.ExternalTensor)]
    assert outside
    for tensor in outside:
        np.testing.assert_array_equal(tensor.numpy(), WEIGHT)


BAD_ENTRIES = {
    "/etc/passwd": ({"file": "/etc/passwd"}, "'/etc/passwd' is an absolute path"),
    "drive": ({"file": "C:\\w.bin"}, "absolute path"),
    "parent": ({"file": "../w.bin"}, r"'\.\./w\.bin' leads out"),
    "parent inside": ({"file": "d/../w.bin"}, r"leads out"),
    "backslash parent": ({"file": "d\\..\\..\\w.bin"}, "leads out"),
    "no name": ({"file": ""}, "no file is named"),
    "dot": ({"file": "."}, "no file is named"),
    "gone": ({"file": "v.bin"}, r"'v\.bin' is missing from"),
    "too short": ({"offset": 4, "length": 48}, r"'w\.bin' has 48 bytes.*4 to 52"),
    "too short without length": ({"offset": 8}, "8 to 56"),
    "other length": ({"length": 40}, "length 40 .*takes 48 bytes"),
    "negative offset": ({"offset": -4}, "offset is '-4'"),
    "offset that is no number": ({"offset": "x"}, "offset is 'x'"),
    "memory address": ({"file": "*/_ORT_MEM_ADDR_/*", "offset": 9}, "is missing"),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_bad_external_data_names_the_model_and_the_tensor(case, tmp_path):
    entries, problem = BAD_ENTRIES[case]
    path = save_external(tmp_path, **entries)
    for read in (load_model, data_files, model_digest):
        with pytest.raises(ExternalDataError, match=problem) as caught:
            read(path)
        assert "m.onnx" in str(caught.value)
        assert "tensor 'W'" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_symbolic_link_out_of_the_folder_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path = save_external(folder)
    (folder / "w.bin").rename(tmp_path / "secret")
    (folder / "w.bin").symlink_to(tmp_path / "secret")
    with pytest.raises(ExternalDataError, match=r"'W'.*'w\.bin'.*symbolic link"):
        load_model(path)


def test_a_linked_folder_on_the_way_is_refused(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    path = save_external(folder, file="d/w.bin")
    (folder / "d").symlink_to(tmp_path)
    (tmp_path / "w.bin").write_bytes(WEIGHT.tobytes())
    with pytest.raises(ExternalDataError, match=r"'d/w\.bin'.*symbolic link"):
        load_model(path)


def test_a_model_in_a_linked_folder_is_read(tmp_path):
    (tmp_path / "real").mkdir()
    save_external(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    np.testing.assert_array_equal(weight_of(load_model(tmp_path / "link" / "m.onnx")), WEIGHT)


def test_a_hard_link_is_refused(tmp_path):
    path = save_external(tmp_path)
    os.link(tmp_path / "w.bin", tmp_path / "other")
    with pytest.raises(ExternalDataError, match=r"'w\.bin' is a hard link"):
        load_model(path)


def test_strings_cannot_be_external(tmp_path):
    model = matmul_model()
    tensor = helper.make_tensor("words", TensorProto.STRING, [1], [b"a"])
    tensor.ClearField("string_data")
    external(tensor, location="w.bin")
    model.graph.initializer.append(tensor)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ExternalDataError, match=r"'words'.*element type 8"):
        load_model(tmp_path / "m.onnx")


def torch_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    return buffer.getvalue()


def npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=WEIGHT)
    return buffer.getvalue()


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return buffer.getvalue()


def safetensors() -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4)


OTHER_KINDS = {
    "a text file": b"hello\nworld\n",
    "a JSON file": b'{"a": 1}',
    "a web page": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "a PyTorch checkpoint": torch_zip(),
    "a NumPy archive": npz(),
    "a Python pickle": pickle.dumps({"weight": [1.0]}, protocol=2),
    "a safetensors file": safetensors(),
    "a GGUF file": b"GGUF\x03\0\0\0",
    "a TensorFlow Lite model": b"\x1c\0\0\0TFL3\0\0",
    "ONNX Runtime's own format": b"\x1c\0\0\0ORTM\0\0",
    "an HDF5 file": b"\x89HDF\r\n\x1a\n",
    "a gzip archive": b"\x1f\x8b\x08\0",
    "a tar archive": tar(),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_a_file_of_another_kind_is_called_by_its_name(kind, tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(OTHER_KINDS[kind])
    with pytest.raises(SourceError, match=rf"m\.onnx: is not an ONNX model.*{kind}") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def test_text_in_the_file_cannot_forge_lines_of_the_message(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_text("line\n" * 3000)
    with pytest.raises(SourceError, match=r"a text file$"):
        load_model(path)


def test_random_bytes_are_not_onnx(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(np.random.default_rng(0).bytes(5000))
    with pytest.raises(SourceError, match="not an ONNX model, or is damaged: its 5000 bytes"):
        load_model(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.onnx: no such file"):
        load_model(tmp_path / "absent.onnx")


def test_a_folder_is_not_a_model(tmp_path):
    with pytest.raises(SourceError, match="is a folder"):
        load_model(tmp_path)


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "m.onnx").touch()
    with pytest.raises(SourceError, match=r"m\.onnx: is empty"):
        load_model(tmp_path / "m.onnx")


@pytest.mark.parametrize(("head", "problem"), [(b"", "external data"), (b"GGUF", "a GGUF file")])
def test_a_file_beyond_the_limit_of_protobuf_is_not_read(head, problem, tmp_path):
    with (tmp_path / "m.onnx").open("wb") as file:
        file.write(head)
        file.truncate(2**31)  # Sparse: it takes no space.
    with pytest.raises(SourceError, match=rf"m\.onnx.*{problem}"):
        load_model(tmp_path / "m.onnx")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path):
    os.mkfifo(tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="not a regular file"):
        load_model(tmp_path / "m.onnx")


def test_a_model_cut_short_anywhere_is_refused(tmp_path):
    whole = matmul_model().SerializeToString()
    path = tmp_path / "m.onnx"
    # The last operator set is optional to the parser; everything before it must be missed.
    last = len(whole) - whole.rindex(b"\n\x05local") + 2
    for length in range(1, len(whole) - last):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"m\.onnx"):
            load_model(path)


def test_a_model_without_nodes_is_refused(tmp_path):
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    onnx.save(helper.make_model(helper.make_graph([], "g", [value], [value])), tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=r"m\.onnx: the model's graph has no nodes"):
        load_model(tmp_path / "m.onnx")


def test_a_sparse_initializer_is_refused_and_not_dropped(tmp_path):
    model = matmul_model()
    values = numpy_helper.from_array(np.ones(1, np.float32), "sparse_W")
    indices = numpy_helper.from_array(np.zeros(1, np.int64), "i")
    sparse = helper.make_sparse_tensor(values, indices, [3, 4])
    model.graph.sparse_initializer.append(sparse)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="'sparse_W' is a sparse initializer"):
        load_model(tmp_path / "m.onnx")


def test_a_map_output_is_refused_by_name(tmp_path):
    model = matmul_model()
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, [1])
    table = helper.make_map_type_proto(TensorProto.INT64, tensor)
    kind = helper.make_sequence_type_proto(table)
    model.graph.output.append(helper.make_value_info("probabilities", kind))
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(SourceError, match="'probabilities' is a map"):
        load_model(tmp_path / "m.onnx")


def test_an_unknown_element_type_is_one_line(tmp_path):
    model = matmul_model()
    model.graph.initializer[0].data_type = 99
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(SourceError, match=r"m\.onnx.*99") as caught:
        load_model(tmp_path / "m.onnx")
    assert len(str(caught.value)) < 300


def test_the_digest_is_sha256_of_the_model_and_then_its_data(tmp_path):
    path = save_external(tmp_path)
    both = path.read_bytes() + (tmp_path / "w.bin").read_bytes()
    assert model_digest(path) == hashlib.sha256(both).hexdigest()
    (tmp_path / "w.bin").write_bytes(bytes(48))
    assert model_digest(path) != hashlib.sha256(both).hexdigest()

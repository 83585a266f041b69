import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx import TensorProto, helper, numpy_helper

from zoo_compress.errors import OutputError
from zoo_compress.graph import write
from zoo_compress.graph.load import data_files, load_model
from zoo_compress.graph.write import serialized_bytes, write_model

WEIGHT = np.random.default_rng(0).standard_normal((32, 32)).astype(np.float32)
LARGE = 4096


def model_proto() -> onnx.ModelProto:
    """Weights in the graph, in a Constant, in a body and of four bits."""
    output = [helper.make_tensor_value_info("b", TensorProto.FLOAT, [32, 32])]
    body = helper.make_graph(
        [helper.make_node("Identity", ["inner"], ["b"])],
        "body",
        [],
        output,
        [numpy_helper.from_array(WEIGHT * 2, "inner")],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "W"], ["m"]),
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(WEIGHT, "c")),
        helper.make_node("Constant", [], ["t"], value=numpy_helper.from_array(np.True_, "t")),
        helper.make_node("If", ["t"], ["i"], then_branch=body, else_branch=body),
        helper.make_node("DequantizeLinear", ["Q", "scale"], ["q"]),
        helper.make_node("Sum", ["m", "c", "i", "q"], ["y"]),
    ]
    packed = helper.make_tensor("Q", TensorProto.INT4, [32, 32], bytes(range(256)) * 2, raw=True)
    weights = [
        numpy_helper.from_array(WEIGHT, "W"),
        packed,
        numpy_helper.from_array(np.float32(0.5), "scale"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [32, 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [32, 32])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


@pytest.fixture
def inline(tmp_path) -> Path:
    onnx.save(model_proto(), tmp_path / "inline.onnx")
    return tmp_path / "inline.onnx"


@pytest.fixture
def external(tmp_path) -> Path:
    path = tmp_path / "external.onnx"
    onnx.save(
        model_proto(),
        path,
        save_as_external_data=True,
        location="external.bin",
        size_threshold=0,
        convert_attribute=True,
    )
    return path


def run(path: Path):
    ort = pytest.importorskip("onnxruntime")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.eye(32, dtype=np.float32)})[0]


def serialisations(monkeypatch) -> list[int]:
    """Return a list that takes the bytes of each message as it is serialised."""
    made, real = [], write._serialize

    def serialize(model):
        content = real(model)
        made.append(len(content))
        return content

    monkeypatch.setattr(write, "_serialize", serialize)
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_model_is_written_as_one_file_that_computes_the_same(inline, tmp_path):
    out = tmp_path / "out.onnx"
    assert write_model(load_model(inline), out) == (out,)
    np.testing.assert_array_equal(run(out), run(inline))
    assert names(tmp_path) == ["inline.onnx", "out.onnx"]


def test_external_tensors_come_home_into_the_one_file(external, inline, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    model = load_model(external)
    assert write_model(model, out / "m.onnx") == (out / "m.onnx",)
    assert data_files(out / "m.onnx") == ()
    np.testing.assert_array_equal(run(out / "m.onnx"), run(inline))
    # Writing leaves the model as it was.
    assert isinstance(model.graph.initializers["W"].const_value, ir.ExternalTensor)


def test_the_same_weights_give_the_same_bytes_wherever_they_were_stored(
    external, inline, tmp_path
):
    for source in (external, inline):
        write_model(load_model(source), tmp_path / f"{source.stem}.out")
    assert (tmp_path / "external.out").read_bytes() == (tmp_path / "inline.out").read_bytes()


def test_writing_what_was_written_gives_the_same_bytes(inline, tmp_path):
    write_model(load_model(inline), tmp_path / "a.onnx")
    write_model(load_model(tmp_path / "a.onnx"), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


SCRIPT = """
import sys
from pathlib import Path
from zoo_compress.graph.load import load_model
from zoo_compress.graph.write import write_model
write_model(load_model(Path(sys.argv[1])), Path(sys.argv[2]))
"""


def test_the_bytes_do_not_depend_on_the_process(inline, tmp_path):
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", SCRIPT, inline, tmp_path / f"{seed}.onnx"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    assert (tmp_path / "1.onnx").read_bytes() == (tmp_path / "2.onnx").read_bytes()


@pytest.mark.parametrize("limit", [LARGE, 10_000, 2**31 - 1])
def test_the_predicted_bytes_are_the_bytes_on_disk(limit, external, tmp_path):
    model = load_model(external)
    written = write_model(model, tmp_path / "model.onnx", limit=limit)
    on_disk = sum(path.stat().st_size for path in written)
    assert serialized_bytes(model, limit=limit) == on_disk


def test_above_the_limit_the_weights_move_to_a_file_beside(inline, tmp_path):
    out = tmp_path / "out.onnx"
    written = write_model(load_model(inline), out, limit=LARGE)
    assert written == (out, tmp_path / "out.onnx.data")
    assert data_files(out) == (tmp_path / "out.onnx.data",)
    np.testing.assert_array_equal(run(out), run(inline))
    assert names(tmp_path) == ["inline.onnx", "out.onnx", "out.onnx.data"]


def test_a_model_just_below_the_limit_stays_in_one_file(inline, tmp_path):
    model = load_model(inline)
    size = serialized_bytes(model)
    assert len(write_model(model, tmp_path / "a.onnx", limit=size + 1000)) == 1
    assert len(write_model(model, tmp_path / "b.onnx", limit=size - 1)) == 2


def test_a_model_far_below_the_limit_is_serialised_once_and_not_copied(
    inline, tmp_path, monkeypatch
):
    model, made = load_model(inline), serialisations(monkeypatch)
    monkeypatch.setattr(ir.Model, "clone", lambda _: pytest.fail("the model was copied"))
    write_model(model, tmp_path / "out.onnx")
    assert made == [(tmp_path / "out.onnx").stat().st_size]


@pytest.mark.parametrize("limit", [18_000, 22_000, 30_000, 50_000])
def test_no_message_over_the_limit_is_built_whatever_holds_the_bytes(limit, tmp_path, monkeypatch):
    """Most of them are in a Constant, which does not move to the file beside."""
    constant = numpy_helper.from_array(np.ones((64, 64), np.float32))
    nodes = [
        helper.make_node("Constant", [], ["c"], value=constant),
        helper.make_node("MatMul", ["x", "W"], ["y"]),
    ]
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [32, 32]) for n in "xy"]
    weights = [numpy_helper.from_array(WEIGHT, "W")]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    model = ir.from_proto(helper.make_model(graph, ir_version=10))
    made = serialisations(monkeypatch)
    written = write_model(model, tmp_path / "out.onnx", limit=limit)
    assert max(made) <= limit
    assert len(written) == (2 if limit == 18_000 else 1)


def test_a_model_may_replace_the_file_that_it_is_read_from(external, inline):
    expected = run(inline)
    write_model(load_model(external), external)
    np.testing.assert_array_equal(run(external), expected)
    write_model(load_model(external), external, limit=LARGE)
    write_model(load_model(external), external, limit=LARGE)
    np.testing.assert_array_equal(run(external), expected)


def test_a_failed_write_leaves_the_old_files_and_nothing_else(inline, tmp_path):
    model = load_model(inline)
    (tmp_path / "out.onnx").mkdir()
    for limit in (LARGE, 2**31 - 1):
        with pytest.raises(OutputError, match=r"out\.onnx"):
            write_model(model, tmp_path / "out.onnx", limit=limit)
        assert names(tmp_path) == ["inline.onnx", "out.onnx"]


ON_A_SMALL_DISK = """
import sys
from pathlib import Path
from zoo_compress.errors import DiskFullError
from zoo_compress.graph.load import load_model
from zoo_compress.graph.write import write_model
model, folder = load_model(Path(sys.argv[1])), Path(sys.argv[2])
for limit in (4096, 2**31 - 1):
    try:
        write_model(model, folder / "out.onnx", limit=limit)
    except DiskFullError as error:
        print(error)
    print([path.name for path in folder.iterdir()])
"""
MOUNT = 'mount -t tmpfs -o size=8k tmpfs "$3" || exit 77; exec "$0" -c "$1" "$2" "$3"'


def test_a_full_disk_is_reported_and_nothing_is_left_behind(inline, tmp_path):
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT]
    result = subprocess.run(
        [*command, sys.executable, ON_A_SMALL_DISK, inline, disk], capture_output=True, text=True
    )
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("may not mount a small disk here")
    size = serialized_bytes(load_model(inline))
    lines = result.stdout.splitlines()
    assert "out.onnx.data: the disk is full" in lines[0], result.stderr
    assert lines[1] == lines[3] == "[]"
    assert "out.onnx: the disk is full" in lines[2]
    assert f"needs {size} bytes" in lines[2]

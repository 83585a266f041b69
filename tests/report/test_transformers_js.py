import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from tests.report.conftest import RUN
from zoo_compress.report.record import card_record
from zoo_compress.report.transformers_js import transformers_js_snippet

TEXT_FILES = ["config.json", "tokenizer.json", "tokenizer_config.json"]
IDS = [{"name": name, "shape": ["N", "L"], "dtype": "int64"} for name in ("input_ids",)]
PIXELS = [{"name": "pixel_values", "shape": ["N", 3, 8, 8], "dtype": "float32"}]


def outputs(name: str) -> list:
    return [{"name": name, "shape": ["N", "L", 4], "dtype": "float32"}]


def snippet(model_file: str = "model.onnx", **changes) -> str | None:
    text = {"inputs": IDS, "companions": TEXT_FILES, "outputs": outputs("last_hidden_state")}
    record = card_record({**RUN, "task": "embedding", **text, **changes})
    return transformers_js_snippet(record, model_file)


@pytest.mark.parametrize(
    ("changes", "pipeline"),
    [
        ({}, "feature-extraction"),
        (
            {"task": "classification", "model_type": "bert", "outputs": outputs("logits")},
            "text-classification",
        ),
        (
            {
                "task": "classification",
                "model_type": "vit",
                "inputs": PIXELS,
                "outputs": outputs("logits"),
                "companions": ["config.json", "preprocessor_config.json"],
            },
            "image-classification",
        ),
    ],
)
def test_the_pipeline_is_that_of_the_task(changes, pipeline):
    source = snippet(**changes)
    assert source is not None
    assert f'pipeline("{pipeline}"' in source


@pytest.mark.parametrize(
    "changes",
    [
        {"task": "other"},
        {"companions": ["config.json"]},
        {"inputs": [*IDS, {"name": "past", "shape": [1], "dtype": "float32"}]},
        {"inputs": PIXELS},
        {"inputs": []},
        {"outputs": outputs("sentence_embedding")},
        {"task": "classification", "model_type": "bert", "outputs": outputs("probabilities")},
        {"task": "classification", "model_type": "vit", "outputs": outputs("logits")},
        {"task": "classification", "model_type": None, "outputs": outputs("logits")},
    ],
)
def test_there_is_none_where_no_pipeline_runs_the_model(changes):
    assert snippet(**changes) is None


# To run these: npm install --ignore-scripts @huggingface/transformers, in any folder, and
# ZOO_COMPRESS_NODE_MODULES=THAT_FOLDER/node_modules pytest tests/report/test_transformers_js.py
INSTALLED = Path(os.environ.get("ZOO_COMPRESS_NODE_MODULES", "node_modules")).resolve()
in_node = pytest.mark.skipif(
    shutil.which("node") is None or not (INSTALLED / "@huggingface" / "transformers").is_dir(),
    reason="needs node and ZOO_COMPRESS_NODE_MODULES, a folder with @huggingface/transformers",
)


def run_in_node(source: str | None, folder: Path) -> str:
    assert source is not None
    (folder / "node_modules").symlink_to(INSTALLED)
    (folder / "snippet.mjs").write_text(source)
    done = subprocess.run(
        ["node", "snippet.mjs"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_model(path: Path, nodes: list, given: tuple, name: str, weights: dict) -> None:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(given[0], given[1], given[2])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        [numpy_helper.from_array(array, key) for key, array in weights.items()],
    )
    opsets = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


TOKENIZER = """{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
 "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null,
 "decoder": null, "model": {"type": "WordLevel", "unk_token": "?",
 "vocab": {"?": 0, "Some": 1, "text": 2, ".": 3}}}"""


@in_node
@pytest.mark.parametrize(
    ("file", "model_type"),
    [
        ("model.onnx", "bert"),
        ("small.onnx", "a-type-of-its-own"),
        ("onnx/model_quantized.onnx", "bert"),
        ("onnx/model.onnx", "bert"),
    ],
)
def test_text_runs_in_transformers_js(file, model_type, tmp_path):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    table = np.arange(16, dtype=np.float32).reshape(4, 4)
    node = helper.make_node("Gather", ["table", "input_ids"], ["last_hidden_state"])
    ids = ("input_ids", TensorProto.INT64, ["N", "L"])
    write_model(tmp_path / file, [node], ids, "last_hidden_state", {"table": table})
    (tmp_path / "config.json").write_text(f'{{"model_type": "{model_type}"}}')
    (tmp_path / "tokenizer.json").write_text(TOKENIZER)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    assert re.search(r"dims: \[ 1, 3, 4 \]", run_in_node(snippet(file), tmp_path))


@in_node
def test_text_is_classified_in_transformers_js(tmp_path):
    table = np.arange(8, dtype=np.float32).reshape(4, 2)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows", "axis"], ["logits"], keepdims=0),
    ]
    ids = ("input_ids", TensorProto.INT64, ["N", "L"])
    weights = {"table": table, "axis": np.array([1])}
    write_model(tmp_path / "model.onnx", nodes, ids, "logits", weights)
    labels = '{"0": "dull", "1": "lively"}'
    (tmp_path / "config.json").write_text(f'{{"model_type": "bert", "id2label": {labels}}}')
    (tmp_path / "tokenizer.json").write_text(TOKENIZER)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    source = snippet(task="classification", model_type="bert", outputs=outputs("logits"))
    assert re.search(r"label: 'lively'", run_in_node(source, tmp_path))


@in_node
def test_a_picture_is_classified_in_transformers_js(tmp_path):
    nodes = [
        helper.make_node("GlobalAveragePool", ["pixel_values"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    pixels = ("pixel_values", TensorProto.FLOAT, ["N", 3, 8, 8])
    write_model(tmp_path / "model.onnx", nodes, pixels, "logits", {})
    labels = '{"0": "red", "1": "green", "2": "blue"}'
    (tmp_path / "config.json").write_text(f'{{"model_type": "vit", "id2label": {labels}}}')
    (tmp_path / "preprocessor_config.json").write_text(
        '{"image_processor_type": "ViTImageProcessor", "do_resize": true, "do_rescale": true, '
        '"size": {"height": 8, "width": 8}, "do_normalize": false}'
    )
    Image.new("RGB", (8, 8), (0, 200, 0)).save(tmp_path / "picture.png")
    source = snippet(
        task="classification",
        model_type="vit",
        inputs=PIXELS,
        outputs=outputs("logits"),
        companions=["config.json", "preprocessor_config.json"],
    )
    assert re.search(r"label: 'green'", run_in_node(source, tmp_path))

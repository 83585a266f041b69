import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.token_models import CLASSES, WIDTH, token_model
from zoo_compress.runtime.evaluator import CpuEvaluator, run_model
from zoo_compress.runtime.fresh_process import run_in_fresh_process
from zoo_compress.runtime.padding import without_padding
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.runtime.session import open_session
from zoo_compress.stats.distances import output_distance

EVERY = ("last_hidden_state", "token_logits", "start_logits", "logits")
TOKENS = [5, 7, 11, 13, 17]


def feed(*, length=8, pad=0, left=False, tokens=TOKENS):
    """Return tokens padded to a length, the padding admitted by no mask."""
    padding = length - len(tokens)
    sides = (padding, 0) if left else (0, padding)
    ids = np.pad(np.array(tokens), sides, constant_values=pad)
    mask = np.pad(np.ones(len(tokens), int), sides)
    return {"input_ids": ids[None], "attention_mask": mask[None]}


@pytest.mark.parametrize("length", [8, "sequence"])
@pytest.mark.parametrize("left", [False, True])
def test_padded_positions_are_in_no_output(tmp_path, length, left):
    path = token_model(tmp_path / "a.onnx", length=length, outputs=EVERY)
    hidden, tokens, starts, logits = run_model(path, [feed(left=left)])[0]
    assert hidden.shape == (1, 5, WIDTH)
    assert tokens.shape == (1, 5, CLASSES)
    assert starts.shape == (1, 5)
    assert logits.shape == (1, CLASSES)


def test_what_stays_is_what_the_model_returns_without_padding(tmp_path):
    path = token_model(tmp_path / "a.onnx", outputs=EVERY)
    padded, alone = run_model(path, [feed(pad=999), feed(length=len(TOKENS))])
    for one, other in zip(padded, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["squared-l2", "cosine", "kl", "total-variation"])
def test_other_padding_changes_no_distance_to_another_model(tmp_path, name):
    paths = [
        token_model(tmp_path / f"{noise}.onnx", length=8, noise=noise) for noise in (0.0, 0.1)
    ]
    texts = [TOKENS, [2, 3], [100, 200, 300, 400, 500, 600, 700]]
    found = []
    for pad in (0, 1, 999):
        feeds = [feed(tokens=tokens, pad=pad) for tokens in texts]
        original, other = (run_model(path, feeds) for path in paths)
        distance = output_distance(name, original)
        found.append([*distance(other, range(3)), distance.scale])
    assert found[0] == pytest.approx(found[1], rel=1e-6)
    assert found[0] == pytest.approx(found[2], rel=1e-6)
    assert min(found[0]) > 0


def test_every_way_to_run_a_model_leaves_the_same_positions_out(tmp_path):
    path = token_model(tmp_path / "a.onnx", length=8)
    sample = feed()
    expected = run_model(path, [sample])[0][0]
    evaluator = CpuEvaluator(onnx.load(path), [sample], replaceable=["dense"])
    pair = ModelPair(path, path).both(sample, sample="one")
    fresh = run_in_fresh_process(path, [sample]).outputs
    for outputs in (evaluator.reference[0], *pair, fresh[0]):
        np.testing.assert_allclose(outputs[0], expected, rtol=1e-5, atol=1e-6)


def test_the_original_names_the_axes_of_both_models_of_a_pair(tmp_path):
    original = token_model(tmp_path / "a.onnx", outputs=("start_logits", "logits"))
    renamed = token_model(tmp_path / "b.onnx", length="t", outputs=("start_logits", "logits"))
    for outputs in ModelPair(original, renamed).both(feed(), sample="one"):
        assert [output.shape for output in outputs] == [(1, 5), (1, CLASSES)]


def test_a_sample_without_padding_stays_as_it_is(tmp_path):
    path = token_model(tmp_path / "a.onnx")
    sample = feed(length=len(TOKENS))
    whole = open_session(path).run(None, sample)[0]
    assert np.array_equal(run_model(path, [sample])[0][0], whole)


def test_a_mask_that_admits_nothing_leaves_everything(tmp_path):
    path = token_model(tmp_path / "a.onnx")
    sample = feed() | {"attention_mask": np.zeros((1, 8), np.int64)}
    assert run_model(path, [sample])[0][0].shape == (1, 8, WIDTH)


def passing_on(name, axes, *, mask):
    """Return a session that passes an input of any shape on, as an output with such axes."""
    value = helper.make_tensor_value_info
    inputs = [
        value("attention_mask", TensorProto.INT64, ["b", mask]),
        value("input_ids", TensorProto.INT64, ["b", "tokens"]),
        value("boxes", TensorProto.FLOAT, ["b", "regions"]),
        value("any", TensorProto.FLOAT, None),
    ]
    nodes = [helper.make_node("Identity", ["any"], [name])]
    graph = helper.make_graph(nodes, "g", inputs, [value(name, TensorProto.FLOAT, axes)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return open_session(model.SerializeToString())


@pytest.mark.parametrize(
    ("name", "axes", "mask", "shape", "trimmed"),
    [
        # Attention: queries and keys are positions where both are named like those of the mask.
        ("a", ["b", 2, "sequence", "sequence"], "sequence", (1, 2, 4, 4), (1, 2, 3, 3)),
        # A cache counts positions on axis 2, and no feature that happens to be as many is lost.
        ("present.0.key", [1, 2, 4, 4], 4, (1, 2, 4, 4), (1, 2, 3, 4)),
        ("present.0.key", ["b", 2, "past + sequence", 4], "sequence", (1, 2, 4, 4), (1, 2, 3, 4)),
        # Decoders count past tokens too along the mask, but not along the tokens and outputs.
        ("logits", ["b", "tokens", 5], "past + tokens", (1, 4, 5), (1, 3, 5)),
        ("values", ["b", "tokens"], "past + tokens", (1, 4), (1, 3)),
        # An embedding as wide as the sample is long.
        ("embedding", [1, 4], 4, (1, 4), (1, 4)),
        ("embedding", ["b", 4], "sequence", (1, 4), (1, 4)),
        # Fixed axes of a model with dynamic positions, and axes that other inputs count.
        ("a", ["b", 4, 5], "sequence", (1, 4, 5), (1, 4, 5)),
        ("a", ["b", "regions", 5], "sequence", (1, 4, 5), (1, 4, 5)),
        # Exporters that name no axis, or each anew.
        ("a", ["b", "axis_17", 5], "sequence", (1, 4, 5), (1, 3, 5)),
        ("end_logits", ["b", "axis_17"], "sequence", (1, 4), (1, 3)),
        ("scores", ["b", "axis_17"], "sequence", (1, 4), (1, 4)),
    ],
)
def test_positions_are_on_the_axis_that_the_model_names(name, axes, mask, shape, trimmed):
    session = passing_on(name, axes, mask=mask)
    sample = {
        "attention_mask": np.array([[1, 1, 1, 0]]),
        "input_ids": np.ones((1, 4), np.int64),
        "boxes": np.ones((1, 2), np.float32),
        "any": np.ones(shape, np.float32),
    }
    (found,) = without_padding(session.run(None, sample), [name], sample, session)
    assert found.shape == trimmed

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.pipeline.conftest import classifier
from tests.pipeline.variants import half, infinite_where_bright, noisy, saved
from zoo_compress.core import Inputs, Progress
from zoo_compress.errors import OriginalModelError
from zoo_compress.pipeline.comparison import Comparison, compare
from zoo_compress.runtime.evaluator import run_model
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.distances import DISTANCES, output_distance

PEAK_OF_A_COMPARISON = """
import resource, sys
from pathlib import Path
import numpy as np
from zoo_compress.core import Inputs
from zoo_compress.pipeline.comparison import compare
from zoo_compress.runtime.pairs import ModelPair
from zoo_compress.stats.distances import output_distance

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

def inputs(n):
    names = [str(index) for index in range(n)]
    return Inputs(feeds=[feed] * n, groups=names, names=names, description="one, repeated")

feed = {"x": np.ones((1, 500_000), np.float32)}
pair = ModelPair(Path(sys.argv[1]), Path(sys.argv[1]))
distance = output_distance("squared-l2", [pair.original(feed, sample="first")])
compare(pair, inputs(2), distance=distance, top_answers=True)
before = peak()
compare(pair, inputs(100), distance=distance, top_answers=True)
print(peak() - before)
"""
"""Prints by how many MiB comparing 100 samples raises the peak that 2 samples reached."""

DEGREE_ONE = [name for name in DISTANCES if name != "relational"]


def samples(n: int = 30) -> Inputs:
    """Standard normal images; every other one is a little brighter."""
    generator = np.random.default_rng(5)
    images = generator.standard_normal((n, 1, 3, 8, 8)).astype(np.float32)
    images += np.where(np.arange(n) % 2, 1, -1)[:, None, None, None, None].astype(np.float32)
    names = [f"image {index}" for index in range(n)]
    return Inputs(
        feeds=[{"x": image} for image in images], groups=names, names=names, description="images"
    )


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return saved(classifier(), tmp_path / "original.onnx")


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return saved(noisy(0.1), tmp_path / "other.onnx")


@pytest.mark.parametrize("name", DEGREE_ONE)
def test_distances_are_those_of_the_kept_outputs(name: str, original: Path, other: Path) -> None:
    inputs = samples()
    reference = run_model(original, inputs.feeds)
    distance = output_distance(name, reference)
    found = compare(ModelPair(original, other), inputs, distance=distance, top_answers=False)
    whole = distance(run_model(other, inputs.feeds), range(len(inputs)))
    np.testing.assert_array_equal(found.distances, whole)
    assert found.estimate() == distance.estimate(run_model(other, inputs.feeds), range(30))
    assert found.differing is None
    assert len(found) == 30


def test_the_relational_distance_is_that_of_the_kept_outputs(original: Path, other: Path) -> None:
    inputs = samples()
    distance = output_distance("relational", run_model(original, inputs.feeds))
    found = compare(ModelPair(original, other), inputs, distance=distance, top_answers=False)
    whole = distance.estimate(run_model(other, inputs.feeds), range(len(inputs)))
    assert found.distances is None
    assert found.estimate() == pytest.approx(whole, rel=1e-9)


def test_the_scale_comes_from_the_distance_and_not_from_the_samples(
    original: Path, other: Path
) -> None:
    inputs = samples()
    reference = run_model(original, inputs.feeds)
    doubled = output_distance("squared-l2", reference, divisors=[2.0])
    once = output_distance("squared-l2", reference)
    pair = ModelPair(original, other)
    wide = compare(pair, inputs, distance=once, top_answers=False).distances
    narrow = compare(pair, inputs, distance=doubled, top_answers=False).distances
    assert wide is not None
    np.testing.assert_allclose(narrow, wide / 2, rtol=1e-12)


def test_top_answers_differ_where_the_argmax_does(original: Path, other: Path) -> None:
    inputs = samples()
    reference = run_model(original, inputs.feeds)
    distance = output_distance("squared-l2", reference)
    found = compare(ModelPair(original, other), inputs, distance=distance, top_answers=True)
    tops = [
        np.array([logits.argmax() for (logits,) in run_model(path, inputs.feeds)])
        for path in (original, other)
    ]
    np.testing.assert_array_equal(found.differing, tops[0] != tops[1])


@pytest.mark.parametrize("name", DISTANCES)
def test_infinite_outputs_of_the_compressed_model_differ_and_are_infinitely_far(
    name: str, original: Path, tmp_path: Path
) -> None:
    inputs = samples()
    bright = np.array([feed["x"].mean() > 0 for feed in inputs.feeds])
    pair = ModelPair(original, saved(infinite_where_bright(), tmp_path / "broken.onnx"))
    distance = output_distance(name, run_model(original, inputs.feeds))
    found = compare(pair, inputs, distance=distance, top_answers=True)
    np.testing.assert_array_equal(found.differing, bright)
    assert found.unusable == bright.sum() > 0
    assert found.estimate() == (np.inf, np.inf)
    if found.distances is not None:
        np.testing.assert_array_equal(np.isinf(found.distances), bright)


def test_an_infinite_output_of_the_original_names_the_sample(
    original: Path, tmp_path: Path
) -> None:
    inputs = samples()
    distance = output_distance("squared-l2", run_model(original, inputs.feeds))
    pair = ModelPair(saved(infinite_where_bright(), tmp_path / "broken.onnx"), original)
    with pytest.raises(OriginalModelError, match=r"'logits' of the original .* 'image 1'"):
        compare(pair, inputs, distance=distance, top_answers=False)


def test_half_precision_is_compared_in_double_precision(original: Path, tmp_path: Path) -> None:
    inputs = samples()
    distance = output_distance("squared-l2", run_model(original, inputs.feeds))
    pair = ModelPair(original, saved(half(), tmp_path / "half.onnx"))
    found = compare(pair, inputs, distance=distance, top_answers=True).distances
    assert found is not None
    assert (found > 0).all()
    assert (found < 1e-3 * distance.scale).all()


def test_memory_does_not_grow_with_the_outputs(tmp_path: Path) -> None:
    """100 outputs of 2 MB each would take 400 MB for the two models."""
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 500_000]) for n in "xy"]
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])], "wide", values[:1], values[1:]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = saved(model, tmp_path / "wide.onnx")
    command = [sys.executable, "-c", PEAK_OF_A_COMPARISON, str(path)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert float(found.stdout) < 100


def test_progress_tells_each_sample(original: Path) -> None:
    inputs = samples(4)
    distance = output_distance("squared-l2", run_model(original, inputs.feeds))
    told: list[Progress] = []
    compare(
        ModelPair(original, original),
        inputs,
        distance=distance,
        top_answers=False,
        progress=told.append,
    )
    assert [(report.stage, report.done, report.total) for report in told] == [
        ("certify", done, 4) for done in (1, 2, 3, 4)
    ]


def test_leaving_out_the_first_samples_leaves_the_others_as_they_are() -> None:
    kernel = np.arange(16.0).reshape(4, 4)
    whole = Comparison(kernel=kernel, differing=np.array([True, False, True, True]))
    rest = whole.without_first(1)
    np.testing.assert_array_equal(rest.kernel, kernel[1:, 1:])
    np.testing.assert_array_equal(rest.differing, [False, True, True])
    assert Comparison(distances=np.arange(4.0)).without_first(2).estimate()[0] == 2.5
    assert len(rest) == 3

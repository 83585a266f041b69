import numpy as np
import pytest

from zoo_compress.core import Inputs, TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.errors import InputError

SPECS = [
    TensorSpec(name="x", shape=("batch", 2), dtype="float32"),
    TensorSpec(name="mask", shape=("batch", None), dtype="int64"),
]


def inputs(**arrays):
    feed = {"x": np.zeros((1, 2), np.float32), "mask": np.ones((1, 5), np.int64), **arrays}
    feed = {name: array for name, array in feed.items() if array is not None}
    return Inputs(feeds=[feed], groups=["a"], names=["a"], description="test data")


def test_samples_that_fit_pass():
    check_feeds(inputs(), SPECS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mask": None}, r"sample 'a' misses 'mask'; the inputs are x, mask"),
        ({"extra": np.zeros(1)}, r"sample 'a' has 'extra', not an input of the model"),
        ({"x": np.zeros((1, 2))}, r"input 'x': found float64, wanted float32"),
        ({"x": np.zeros((1, 3), np.float32)}, r"found shape \(1, 3\), wanted \(1, 2\)"),
        ({"x": np.zeros(2, np.float32)}, r"found shape \(2\), wanted \(1, 2\)"),
        ({"mask": np.ones((4, 5), np.int64)}, r"found shape \(4, 5\), wanted \(1, \?\)"),
        ({"x": np.full((1, 2), np.nan, np.float32)}, r"input 'x': it holds NaN or infinity"),
        ({"x": np.full((1, 2), -np.inf, np.float32)}, r"input 'x': it holds NaN or infinity"),
    ],
)
def test_a_sample_that_does_not_fit_is_described(arrays, message):
    with pytest.raises(InputError, match=message):
        check_feeds(inputs(**arrays), SPECS)


def test_no_sample_at_all_is_an_error():
    nothing = Inputs(feeds=[], groups=[], names=[], description="an empty set")
    with pytest.raises(InputError, match="an empty set: there is no sample in it"):
        check_feeds(nothing, SPECS)


def test_scalars_and_states_without_a_batch_axis_are_compared_as_they_are():
    specs = [
        TensorSpec(name="x", shape=(None, 4), dtype="float32"),
        TensorSpec(name="state", shape=(2, None, 3), dtype="float32"),
        TensorSpec(name="sr", shape=(), dtype="int64"),
    ]
    feed = {
        "x": np.zeros((1, 4), np.float32),
        "state": np.zeros((2, 1, 3), np.float32),
        "sr": np.array(16000),
    }
    check_feeds(Inputs(feeds=[feed], groups=["a"], names=["a"], description="audio"), specs)

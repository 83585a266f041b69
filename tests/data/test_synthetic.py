import numpy as np
import pytest

from zoo_compress.core import TensorSpec
from zoo_compress.data.check import check_feeds
from zoo_compress.data.synthetic import draw_synthetic
from zoo_compress.errors import InputError


def spec(name, *shape, dtype="float32"):
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def one(*specs, seed=0):
    inputs = draw_synthetic(specs, count=1, seed=seed)
    check_feeds(inputs, specs)
    return inputs.feeds[0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (("batch", 3, 64, 64), (1, 3, 64, 64)),
        ((None, None, None, None), (1, 3, 224, 224)),
        (("n", "height", "width", 3), (1, 224, 224, 3)),
        (("n", 3, "height", "width"), (1, 3, 224, 224)),
        (("n", "samples"), (1, 16000)),
        (("n", 1, "samples"), (1, 1, 16000)),
        (("n", "tokens", 768), (1, 32, 768)),
        ((2, "batch", 128), (2, 1, 128)),
        ((), ()),
    ],
)
def test_dynamic_axes_of_floats_get_a_usual_length(shape, expected):
    others = [spec("other", "batch", 4)] if shape[:1] == (2,) else []
    assert one(*others, spec("x", *shape))["x"].shape == expected


def test_axes_of_one_symbol_agree():
    feed = one(spec("ids", "batch", "seq", dtype="int64"), spec("bias", "batch", "seq", "seq"))
    assert feed["ids"].shape == (1, 32)
    assert feed["bias"].shape == (1, 32, 32)


def test_text_inputs_are_what_their_names_say():
    names = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
    feed = one(*(spec(name, "batch", "seq", dtype="int64") for name in names))
    assert feed["input_ids"].min() >= 0
    assert feed["input_ids"].max() < 100
    assert (feed["attention_mask"] == 1).all()
    assert (feed["token_type_ids"] == 0).all()
    assert np.array_equal(feed["position_ids"], [np.arange(32)])


def test_a_sample_rate_is_16_khz_and_a_switch_is_on():
    feed = one(
        spec("x", None, None), spec("sr", dtype="int64"), spec("use_cache", 1, dtype="bool")
    )
    assert feed["sr"].shape == ()
    assert feed["sr"] == 16000
    assert feed["use_cache"].tolist() == [True]


def test_floats_are_standard_normal():
    values = one(spec("x", 1, 3, 224, 224))["x"]
    assert values.mean() == pytest.approx(0, abs=0.01)
    assert values.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("dtype", ["float16", "float64", "int32", "uint8"])
def test_every_sample_has_the_type_of_the_input(dtype):
    assert one(spec("x", "n", 8, dtype=dtype))["x"].dtype == np.dtype(dtype)


def test_the_same_seed_draws_the_same_samples():
    first, second, other = (
        draw_synthetic([spec("x", "n", 8)], count=3, seed=seed) for seed in (1, 1, 2)
    )
    same = [np.array_equal(a["x"], b["x"]) for a, b in zip(first.feeds, second.feeds, strict=True)]
    assert all(same)
    assert not np.array_equal(first.feeds[0]["x"], other.feeds[0]["x"])
    assert not np.array_equal(first.feeds[0]["x"], first.feeds[1]["x"])


def test_the_description_says_that_the_samples_are_not_real():
    inputs = draw_synthetic([spec("x", "n", 8)], count=3, seed=1)
    assert inputs.synthetic
    assert inputs.description == "3 synthetic inputs drawn at random with seed 1, not real data"


def test_text_cannot_be_drawn():
    with pytest.raises(InputError, match="element type object"):
        draw_synthetic([spec("text", "n", dtype="object")], count=1, seed=0)


def test_a_sample_of_more_than_a_gibibyte_is_refused():
    with pytest.raises(InputError, match=r"'x': one sample of shape .* is too large"):
        draw_synthetic([spec("x", 1, 2**15, 2**15)], count=1, seed=0)

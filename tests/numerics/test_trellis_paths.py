import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.compiled.trellis import BLOCK
from zoo_compress.numerics.feedback import feedback_factor, round_with_feedback
from zoo_compress.numerics.scalar_quantizer import whole_numbers
from zoo_compress.numerics.trellis import Trellis, TrellisTables, trellis_levels
from zoo_compress.numerics.trellis_paths import Grid, code_on_trellis

FREE = Trellis(bits=np.zeros(41), price=0.0)


def by_size(scale, largest, price):
    """Return a trellis whose numbers take what those of a normal distribution do."""
    chances = np.exp(-np.square(np.arange(-largest, largest + 1) / scale))
    return Trellis(bits=-np.log2(chances / chances.sum()), price=price)


def coded(x, trellis, rows, factor=None):
    choice = np.zeros(x.shape[2], np.int64)
    return code_on_trellis(x, Grid(np.float32(rows), TrellisTables([trellis]), choice), factor)


def normal(*shape, seed=0, scale=1.0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


@given(length=st.integers(1, 6), seed=st.integers(0, 99), price=st.sampled_from([0, 0.1, 0.5]))
@settings(max_examples=30, deadline=None)
def test_no_path_costs_less_than_the_one_that_is_found(length, seed, price):
    trellis = by_size(0.8, 2, price)
    x = normal(length, seed=seed, scale=1.2).clip(-2.2, 2.2)
    paths = np.array(list(itertools.product(range(-2, 3), repeat=length)))
    costs = np.square(trellis_levels(paths) - x).sum(axis=1)
    costs += price * trellis.bits[paths + 2].sum(axis=1)
    found = coded(x[None, None], trellis, np.ones((1, 1)))[0, 0]
    own = np.square(trellis_levels(found[None])[0] - x).sum()
    own += price * trellis.bits[found.astype(int) + 2].sum()
    # Levels are looked up for multiples of 1/32, so that one next to the best may be taken.
    assert own <= costs.min() + length * 0.05


@pytest.mark.parametrize("bits", [2.4, 3.5])
def test_a_path_has_less_error_than_rounding_to_one_grid_of_the_same_entropy(bits):
    x = normal(1, 200, 300)
    trellis = by_size(2**bits / np.sqrt(np.pi * np.e), 40, 0.09)

    def error_at(bits, quantized, level):
        """Return the error at so many bits of entropy, by the step that gives them."""
        found = []
        for step in np.geomspace(0.2, 2, 12):
            numbers = quantized(step)
            _, counts = np.unique(numbers, return_counts=True)
            shares = counts / numbers.size
            entropy = -np.sum(shares * np.log2(shares))
            found.append((entropy, np.log(np.mean(np.square(level(numbers) * step - x)))))
        return float(np.exp(np.interp(bits, *np.array(sorted(found)).T)))

    one = error_at(bits, lambda step: np.rint(x / step), lambda k: k)
    steps = np.ones((1, 200))
    paths = error_at(bits, lambda step: coded(x, trellis, step * steps), trellis_levels)
    assert paths < 0.9 * one


@pytest.mark.parametrize("groups", [1, 3])
def test_with_feedback_outputs_change_less(groups):
    length = BLOCK + 13
    mixed = normal(groups, 400, length, seed=2) @ normal(groups, length, length, seed=3)
    gram = mixed.swapaxes(1, 2) @ mixed / 400
    W, step = normal(groups, 20, length, seed=4), np.full((groups, 20), 0.7, np.float32)
    factor = feedback_factor(gram, by_power=False)
    trellis = by_size(2.0, 15, 0.0)
    errors = []
    for known in (None, factor):
        numbers = coded(W, trellis, step, known)
        change = trellis_levels(numbers) * step[..., None] - W
        errors.append(float(np.einsum("gok,gkl,gol->", change, gram, change)))
    rounded = round_with_feedback(W, factor, whole_numbers(-99, 99), scale=step[..., None]).rounded
    change = rounded - W
    errors.append(float(np.einsum("gok,gkl,gol->", change, gram, change)))
    assert errors[1] < 0.8 * errors[0]
    assert errors[1] < 0.85 * errors[2]


def test_rows_are_coded_alike_whatever_lies_beside_them():
    x, steps = normal(2, 30, 70), np.ones((2, 30))
    whole = coded(x, FREE, steps)
    np.testing.assert_array_equal(coded(x[1:, 7:9], FREE, steps[1:, 7:9]), whole[1:, 7:9])


def test_each_column_has_the_levels_of_its_choice():
    x = np.full((1, 3, 2), 5, np.float32)
    narrow = Trellis(bits=np.zeros(3), price=0.0)
    chosen = Grid(np.ones((1, 3), np.float32), TrellisTables([narrow, FREE]), np.array([0, 1]))
    levels = trellis_levels(code_on_trellis(x, chosen, None))
    np.testing.assert_array_equal(levels[..., 0], 1)
    np.testing.assert_allclose(levels[..., 1], 5, atol=0.5)


def test_numbers_beyond_the_last_level_get_that():
    x = np.array([[[99.0, -99.0, 99.0]]], np.float32)
    numbers = coded(x, FREE, np.ones((1, 1)))
    assert (np.abs(numbers) >= FREE.largest - 1).all()


def test_rows_of_step_0_get_zeros():
    numbers = coded(np.zeros((1, 2, 9), "f"), FREE, np.zeros((1, 2)))
    assert not trellis_levels(numbers).any()

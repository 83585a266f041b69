import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo_compress.numerics.elimination import DAMPING, Elimination, compensated


def drawn(seed: int, inputs: int, *, rows: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (rows, inputs) and second moments of correlated inputs."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((4 * inputs, inputs)) @ rng.standard_normal((inputs, inputs))
    return rng.standard_normal((rows, inputs)), mixed.T @ mixed / len(mixed)


def damped(C: np.ndarray) -> np.ndarray:
    return C + DAMPING * np.diagonal(C).mean() * np.eye(len(C))


def error(W: np.ndarray, other: np.ndarray, C: np.ndarray) -> float:
    return float(np.trace((W - other) @ C @ (W - other).T))


def best_without(W: np.ndarray, C: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Solve for the weights of the other inputs by least squares, the plain way."""
    found, H = np.zeros_like(W), damped(C)
    found[:, ~gone] = W @ H[:, ~gone] @ np.linalg.inv(H[np.ix_(~gone, ~gone)])
    return found


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(2, 6))
def test_a_cost_is_what_the_best_other_weights_leave(seed: int, size: int, blocks: int) -> None:
    W, C = drawn(seed, size * blocks)
    block = np.arange(blocks).repeat(size)
    costs = Elimination(W, C, block, count=blocks).costs(np.arange(blocks))
    for number, cost in enumerate(costs):
        wanted = error(W, best_without(W, C, block == number), damped(C))
        assert cost == pytest.approx(wanted, rel=1e-6, abs=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(1, 3), st.integers(3, 6))
def test_costs_of_one_after_the_other_add_up_to_that_of_all(
    seed: int, size: int, blocks: int
) -> None:
    W, C = drawn(seed, size * blocks)
    block = np.arange(blocks).repeat(size)
    state = Elimination(W, C, block, count=blocks)
    total = sum(state.remove(np.array([number])) for number in range(blocks - 1))
    wanted = error(W, best_without(W, C, block < blocks - 1), damped(C))
    assert total == pytest.approx(wanted, rel=1e-6, abs=1e-9)


def test_blocks_removed_together_cost_as_much_as_one_after_the_other() -> None:
    W, C = drawn(1, 6)
    block = np.arange(3).repeat(2)
    one, both = (Elimination(W, C, block, count=3) for _ in range(2))
    apart = one.remove(np.array([0])) + one.remove(np.array([2]))
    assert both.remove(np.array([0, 2])) == pytest.approx(apart)


def test_inputs_of_no_block_stay_and_a_block_without_inputs_costs_nothing() -> None:
    W, C = drawn(2, 4)
    state = Elimination(W, C, np.array([-1, 2, 2, -1]), count=4)
    costs = state.costs(np.arange(4))
    assert costs[[0, 1, 3]].tolist() == [0, 0, 0]
    assert costs[2] > 0
    assert state.remove(np.array([0])) == 0


def test_an_input_that_never_varies_costs_nothing() -> None:
    W, C = drawn(3, 5)
    C[2], C[:, 2] = 0, 0
    costs = Elimination(W, C, np.arange(5), count=5).costs(np.arange(5))
    assert costs[2] == 0
    assert (np.delete(costs, 2) > 0).all()


def test_inputs_without_any_moments_cost_nothing() -> None:
    state = Elimination(np.ones((2, 3)), np.zeros((3, 3)), np.arange(3), count=3)
    assert state.costs(np.arange(3)).tolist() == [0, 0, 0]


@settings(max_examples=40)
@given(st.integers(0, 999), st.integers(2, 12), st.data())
def test_the_other_weights_make_up_best_for_what_goes(seed: int, inputs: int, data) -> None:
    W, C = drawn(seed, inputs)
    kept = np.array(data.draw(st.lists(st.booleans(), min_size=inputs, max_size=inputs)))
    found = compensated(W, C, kept)
    assert not found[:, ~kept].any()
    assert error(W, found, C) <= error(W, np.where(kept, W, 0), C) * (1 + 1e-9)
    if kept.all():
        np.testing.assert_array_equal(found, W)


def test_a_copy_of_an_input_takes_over_its_weights() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 3))
    x[:, 2] = x[:, 0]
    found = compensated(np.array([[1.0, 2.0, 3.0]]), x.T @ x / 1000, np.array([True, True, False]))
    np.testing.assert_allclose(found, [[4, 2, 0]], atol=5e-3)

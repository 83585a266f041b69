"""Follow the paths of a trellis through the weights of a layer, and keep the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.feedback import FeedbackFactor, feed_back
from zoo_compress.numerics.trellis import RESOLUTION, TrellisTables

Floats = npt.NDArray[np.float32]
Small = npt.NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the levels of weights lie, and what each costs.

    Attributes:
        rows: Distance of the levels of a grid, one for each row, shape (G, O); 0 for rows of 0.
        tables: The levels and their prices.
        choice: Which of the trellises each column has, shape (K,).
    """

    rows: Floats
    tables: TrellisTables
    choice: npt.NDArray[np.integer]


def code_on_trellis(W: Floats, grid: Grid, factor: FeedbackFactor | None) -> Small:
    """Return whole numbers for weights, so that outputs change little and few bits are needed.

    Column after column, as `round_with_feedback` does, but in the order in which they are, as the
    states of the trellis follow each other so. Each row has up to four paths, one to each state;
    each makes up for its own errors.

    Args:
        W: Weights, shape (G, O, K).
        grid: The levels.
        factor: Of the inputs, in the order of the columns; None where errors are not fed back.

    Returns:
        Shape (G, O, K).
    """
    # Imported late: it takes long.
    from zoo_compress.numerics.compiled.trellis import BLOCK, follow_paths

    groups, rows, length = W.shape
    step = grid.rows[:, :, None]
    left = W * np.divide(1, step, out=np.zeros_like(step), where=step != 0)
    upper = np.empty((groups, 0, 0), np.float32) if factor is None else factor.upper
    weights = _column_weights(factor, groups, length)
    firsts, found = grid.tables.firsts[grid.choice], np.empty(W.shape, np.int8)
    state = np.zeros((groups, rows), np.int64)

    def follow(start: int, errors: Floats) -> None:
        follow_paths(
            left,
            weights,
            upper,
            np.float32(RESOLUTION),
            grid.tables.nearest,
            grid.tables.prices,
            firsts,
            state,
            start,
            found,
            errors,
        )

    feed_back(left, upper, BLOCK, follow)
    return found


def _column_weights(factor: FeedbackFactor | None, groups: int, length: int) -> Floats:
    """Return what a squared error counts in each column, 1 in the geometric mean, (G, K)."""
    if factor is None:
        return np.ones((groups, length), np.float32)
    diagonals = np.diagonal(factor.upper, axis1=1, axis2=2)
    logs = -2 * np.log(diagonals.astype(np.float64))
    weights: Floats = np.exp(logs - logs.mean(axis=1, keepdims=True)).astype(np.float32)
    return weights

"""How far error feedback should trust the correlations that few samples show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.feedback import DAMPING
from zoo_compress.numerics.one_thread import one_thread

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

TINY = np.finfo(np.float64).tiny

# The first one is GPTQ's value. Errors in directions in which inputs vary most, of which damping
# leaves more, change the outputs of a network more than others of the same power: the outputs of
# single weights of ResNet-50 wanted up to 1; those of the network then changed up to 17 % more.
CANDIDATES = (DAMPING, 0.03, 0.1, 0.3)
# Inputs with fewer columns never wanted another than the first one.
FEWEST_COLUMNS = 128
# Rows of errors that are drawn to find what they change: each has its sum over many columns.
ROWS = 128
# Below, handing algebra to several threads may cost more than it saves.
MOST_ALONE = 2048


def best_damping(known: Sequence[Doubles], seen: Sequence[Doubles]) -> float:
    """Return the damping for all samples, from how feedback that knows one half suits the other.

    Rounding that leaves the error e_k in column k, once that has made up for those before it,
    changes a row of weights by the sum of e_k / U_kk times row k of U, see `FeedbackFactor`, and
    the outputs of inputs with the covariance C by d C d^T, d being that row's change. U is that of
    one half and C the other's, for the same errors of random sign whatever the damping; the search
    ends at the first candidate after which the outputs change more.

    What is returned is half of the best one, since the variance of what samples show is inverse to
    their number.

    Args:
        known: Covariances of both halves as feedback is to know them, shape (G, K, K).
        seen: The same as the samples show them.
    """
    columns = known[0].shape[1]
    if columns < FEWEST_COLUMNS:
        return DAMPING
    signs = np.random.default_rng(0).integers(0, 2, (columns, ROWS)) * 2 - 1
    errors = signs.astype(np.float32)
    pairs = [
        (_unit(own), _unit(unseen))
        for one, other in zip(known, reversed(seen), strict=True)
        for own, unseen in zip(one, other, strict=True)
    ]
    best, least = DAMPING, np.inf
    for damping in CANDIDATES:
        with one_thread() if columns < MOST_ALONE else nullcontext():
            changes = [_change(own, unseen, damping, errors) for own, unseen in pairs]
        found = float(np.sum(np.log(np.maximum(changes, TINY))))
        if not found < least:
            break
        best, least = damping, found
    return max(best / 2, DAMPING)


def _unit(C: Doubles) -> Floats:
    """Return a matrix in units of the mean of its diagonal, columns in reverse."""
    mean = float(np.trace(C)) / len(C)
    return np.ascontiguousarray(C[::-1, ::-1] / (mean or 1.0), np.float32)


def _change(known: Floats, unseen: Floats, damping: float, errors: Floats) -> float:
    """Return how much outputs change, errors having the shape (K, rows).

    Infinity if the damped matrix has no factor in float32. With the columns in reverse, U is the
    inverse of L, where L L^T is that matrix.
    """
    # Imported late: it takes long, and little needs it.
    from scipy.linalg.lapack import spotrf, strtrs

    damped = known + np.float32(damping) * np.eye(len(known), dtype=np.float32)
    lower, failed = spotrf(damped, lower=1)
    if failed:
        return np.inf
    rows, _ = strtrs(lower, np.diagonal(lower)[:, None] * errors, lower=1, trans=1)
    return float(np.sum((unseen @ rows) * rows, dtype=np.float64))

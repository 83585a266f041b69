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

# The first one is GPTQ's value. Of 200 photographs, the inputs of EfficientNet-Lite0's last blocks
# wanted 0.3: most of their 1152 channels are 0 in most photographs. Outputs of photographs that
# were not among these then changed 17 % less for one of them.
CANDIDATES = (DAMPING, 0.03, 0.1, 0.3, 1.0)
# Inputs with fewer columns never wanted another than the first one there.
FEWEST_COLUMNS = 128
# From so many columns on, one half is tried on the other, and not the other way round too.
MANY_COLUMNS = 512
# Below, handing algebra to several threads may cost more than it saves.
MOST_ALONE = 2048


def best_damping(known: Sequence[Doubles], seen: Sequence[Doubles]) -> float:
    """Return the damping with which feedback that knows half of the samples suits the other half.

    Rounding that leaves the error e_k in column k, once that has made up for those before it,
    changes a row of weights by the sum of e_k / U_kk times row k of U, see `FeedbackFactor`. If
    these errors are independent and of one size, the outputs of inputs with the covariance C
    change by J = sum over k of (U C U^T)_kk / U_kk^2, in its units. U is that of one half, C the
    other one. The search ends at the first damping after which J grows.

    Args:
        known: Covariances of both halves as feedback is to know them, shape (G, K, K).
        seen: The same as the samples show them.
    """
    columns = known[0].shape[1]
    if columns < FEWEST_COLUMNS:
        return DAMPING
    sides = [(known[0], seen[1]), (known[1], seen[0])][: 1 if columns >= MANY_COLUMNS else 2]
    pairs = [
        (_unit(own), _unit(unseen))
        for one, other in sides
        for own, unseen in zip(one, other, strict=True)
    ]
    best, least = DAMPING, np.inf
    for damping in CANDIDATES:
        with one_thread() if columns < MOST_ALONE else nullcontext():
            changes = [_change(own, unseen, damping) for own, unseen in pairs]
        found = float(np.sum(np.log(np.maximum(changes, TINY))))
        if not found < least:
            break
        best, least = damping, found
    return best


def _unit(C: Doubles) -> Floats:
    """Return a matrix in units of the mean of its diagonal, columns in reverse."""
    mean = float(np.trace(C)) / len(C)
    return np.ascontiguousarray(C[::-1, ::-1] / (mean or 1.0), np.float32)


def _change(known: Floats, unseen: Floats, damping: float) -> float:
    """Return J; infinity if the damped matrix has no factor in float32.

    With the columns in reverse, the factor is the inverse of L, where L L^T is that matrix.
    """
    # Imported late: it takes long, and little needs it.
    from scipy.linalg.blas import strmm
    from scipy.linalg.lapack import spotrf, strtri

    damped = known + np.float32(damping) * np.eye(len(known), dtype=np.float32)
    lower, failed = spotrf(damped, lower=1)
    if failed:
        return np.inf
    inverse, _ = strtri(lower, lower=1)
    changed = np.einsum("ij,ij->i", strmm(1.0, inverse, unseen, lower=1), np.tril(inverse))
    return float(np.sum(changed * np.square(np.diagonal(lower)), dtype=np.float64))

"""Which inputs of a matrix product can go, once the weights of the others make up for them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

# Of the mean variance, added to each: the inverse exists and chance correlations are not trusted,
# yet what never varies stays cheaper than everything else.
DAMPING = 1e-3
# Of the mean variance: below it, an input is constant up to float32's rounding.
CONSTANT = 1e-10


class Elimination:
    """Removes blocks of inputs of y = W x one after the other, least squares after each.

    With C the second moments of x, removing the inputs S changes E |y|^2 by
    tr(W_S (C^-1_SS)^-1 W_S^T) if the weights of the other inputs are chosen best: W goes to
    W - W_S (C^-1_SS)^-1 C^-1_S: (the optimal brain surgeon of Hassibi and Stork, for all rows of W
    at once and blocks of columns).
    """

    def __init__(
        self,
        W: npt.NDArray[np.floating],
        moments: npt.NDArray[np.floating],
        blocks: npt.NDArray[np.int64],
        *,
        count: int,
    ) -> None:
        """Invert the moments.

        Args:
            W: Weights, shape (O, K).
            moments: E x x^T, or a covariance where a bias takes up what is constant, (K, K).
            blocks: The block of each input, from 0; -1 for inputs that stay. Shape (K,).
            count: How many blocks there are, also without inputs here.
        """
        C = np.asarray(moments, np.float64)
        variance = np.diagonal(C)
        mean = float(variance.mean()) if len(variance) else 0.0
        self._W = np.array(W, np.float64)
        self._W[:, variance <= CONSTANT * mean] = 0
        self._inverse = np.linalg.inv(C + (DAMPING * mean or 1.0) * np.eye(len(C)))
        order = np.argsort(blocks, kind="stable")
        bounds = np.searchsorted(blocks[order], np.arange(count + 1))
        self._columns = [order[a:b] for a, b in pairwise(bounds)]

    def costs(self, blocks: npt.NDArray[np.int64]) -> Matrix:
        """Return by how much E |y|^2 grows with the removal of each block alone, shape (B,)."""
        found = np.zeros(len(blocks))
        sizes = np.array([len(self._columns[block]) for block in blocks])
        for size in np.unique(sizes[sizes > 0]):
            places = np.flatnonzero(sizes == size)
            columns = np.array([self._columns[blocks[place]] for place in places])
            inner = self._inverse[columns[:, :, None], columns[:, None, :]]
            rows = self._W[:, columns].transpose(1, 2, 0)
            power = rows @ rows.swapaxes(1, 2)
            solved = np.linalg.solve(inner, power)
            found[places] = np.trace(solved, axis1=1, axis2=2).clip(0)
        return found

    def remove(self, blocks: npt.NDArray[np.int64]) -> float:
        """Remove blocks together; return by how much E |y|^2 grows."""
        S = np.concatenate([self._columns[block] for block in blocks]).astype(np.int64)
        if not len(S):
            return 0.0
        inner, across = self._inverse[np.ix_(S, S)], self._inverse[S]
        share = np.linalg.solve(inner, across)
        W_S = self._W[:, S]
        cost = float(np.sum(np.linalg.solve(inner, W_S.T) * W_S.T))
        self._W -= W_S @ share
        self._W[:, S] = 0
        self._inverse -= across.T @ share
        # What is gone must not come back by rounding; the ones keep blocks of it invertible.
        self._inverse[S], self._inverse[:, S] = 0, 0
        self._inverse[S, S] = 1
        return max(cost, 0.0)


def compensated(
    W: npt.NDArray[np.floating],
    moments: npt.NDArray[np.floating],
    kept: npt.NDArray[np.bool_],
) -> Matrix:
    """Return the weights of fewer inputs that come closest to W x.

    They are W_R + W_S C_SR (C_RR)^-1 for the kept inputs R, those removed being S, with some
    damping (see `DAMPING`).

    Args:
        W: Weights, shape (O, K).
        moments: As for `Elimination`, shape (K, K).
        kept: Which inputs stay, shape (K,).

    Returns:
        Weights of shape (O, K), zero for the inputs that go.
    """
    C = np.asarray(moments, np.float64)
    found = np.where(kept, np.asarray(W, np.float64), 0)
    if kept.all() or not kept.any():
        return found
    mean = float(np.diagonal(C).mean())
    damped = C[np.ix_(kept, kept)] + (DAMPING * mean or 1.0) * np.eye(int(kept.sum()))
    lost = np.asarray(W, np.float64)[:, ~kept] @ C[np.ix_(~kept, kept)]
    found[:, kept] += np.linalg.solve(damped, lost.T).T
    return found

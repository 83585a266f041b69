"""First and second moments of what a weight is multiplied with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.damping import best_damping
from zoo_compress.numerics.feedback import DAMPING, FeedbackFactor, feedback_factor

Matrices = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class InputMoments:
    """Moments of the inputs x of a weight, G groups of K inputs each.

    Attributes:
        mean: E x, shape (G, K).
        covariance: E (x - E x)(x - E x)^T, shape (G, K, K).
        damping: How far error feedback should not trust the covariance, see `best_damping`.
    """

    mean: Matrices
    covariance: Matrices
    damping: float = DAMPING

    @cached_property
    def gram(self) -> Matrices:
        """E x x^T, shape (G, K, K)."""
        products: Matrices = self.covariance + self.mean[:, :, None] * self.mean[:, None, :]
        return products

    @cached_property
    def covariance_factor(self) -> FeedbackFactor:
        """What rounding with feedback needs where the bias takes back the mean error."""
        return feedback_factor(self.covariance, damping=self.damping)

    @cached_property
    def gram_factor(self) -> FeedbackFactor:
        """What rounding with feedback needs elsewhere."""
        return feedback_factor(self.gram, damping=self.damping)

    @cached_property
    def covariance_factor_in_place(self) -> FeedbackFactor:
        """`covariance_factor` for columns in the order in which they are."""
        return feedback_factor(self.covariance, damping=self.damping, by_power=False)

    @cached_property
    def gram_factor_in_place(self) -> FeedbackFactor:
        """`gram_factor` for columns in the order in which they are."""
        return feedback_factor(self.gram, damping=self.damping, by_power=False)


class _Sums:
    """Sums over rows x, G groups of K inputs each."""

    def __init__(self, groups: int, length: int) -> None:
        self.count = 0
        self._total = np.zeros((groups, length))
        self._products = np.zeros((groups, length, length), np.float32)
        # Products of many rows at once take far less time than of a few again and again.
        self._waiting: list[Matrices] = []

    def add(self, x: Matrices) -> None:
        """Take in rows, shape (G, P, K)."""
        self.count += x.shape[1]
        self._total += x.sum(axis=1, dtype=np.float64)
        self._waiting.append(x)
        if sum(rows.shape[1] for rows in self._waiting) >= x.shape[2]:
            self._multiply()

    @property
    def mean(self) -> Doubles:
        """Mean of x, shape (G, K)."""
        return self._total / self.count

    @property
    def covariance(self) -> Doubles:
        """Covariance of x, shape (G, K, K); not finite if a row was not, or its square."""
        self._multiply()
        with np.errstate(over="ignore", invalid="ignore"):
            mean = self.mean
            return self._products / np.float64(self.count) - mean[:, :, None] * mean[:, None, :]

    def _multiply(self) -> None:
        if self._waiting:
            x = np.concatenate(self._waiting, axis=1)
            self._waiting.clear()
            with np.errstate(over="ignore", invalid="ignore"):
                self._products += x.swapaxes(1, 2) @ x


class MomentSums:
    """Adds up moments, the rows of one sample at a time.

    Rows of one sample, such as the places of a photograph or the words of a text, depend on each
    other, so their number does not tell how much of a covariance is chance. Samples do not: every
    other one is added up apart, and how far the two halves differ tells.
    """

    def __init__(self) -> None:
        """Start with no rows."""
        self._halves: list[_Sums] = []
        # About their mean, products of rows keep their digits in float32.
        self._centre: Matrices | None = None

    def add(self, rows: npt.NDArray[np.floating]) -> None:
        """Take in the inputs that one sample gives, shape (G, P, K)."""
        x = np.asarray(rows, np.float32)
        if not x.shape[1]:
            return
        with np.errstate(over="ignore", invalid="ignore"):
            if self._centre is None:
                self._centre = x.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
                self._halves = [_Sums(len(x), x.shape[2]) for _ in range(2)]
                # There may be no other sample than the first: both halves get rows of it.
                self._halves[1].add(x[:, 1::2] - self._centre)
                x = x[:, ::2]
            self._halves[0].add(x - self._centre)
        self._halves.reverse()

    def moments(self) -> InputMoments | None:
        """Return the moments of all rows; None if there were none or one is not finite.

        Correlations are shrunk towards none, see `shrinkage`: of few samples most are chance.
        """
        if self._centre is None:
            return None
        halves = [half for half in self._halves if half.count]
        covariances = [half.covariance for half in halves]
        if not all(np.isfinite(covariance).all() for covariance in covariances):
            return None
        shares = np.array([half.count for half in halves]) / sum(half.count for half in halves)
        means = np.stack([half.mean for half in halves])
        shift = np.tensordot(shares, means, axes=1)
        apart = means - shift
        covariance = sum(
            share * (own + x[:, :, None] * x[:, None, :])
            for share, own, x in zip(shares, covariances, apart, strict=True)
        )
        chance = shrinkage(*covariances) if len(halves) == 2 else np.ones(len(shift))
        mean = self._centre[:, 0] + shift
        return InputMoments(
            mean=mean.astype(np.float32),
            covariance=_shrunk(covariance, chance).astype(np.float32),
            damping=_damping(covariances, chance) if len(halves) == 2 else DAMPING,
        )


def shrinkage(one: Doubles, other: Doubles) -> Doubles:
    """Return how far sample covariances should move towards their diagonals.

    The share s for which (1 - s) R comes nearest to the true correlations P in the mean of
    squares, R being the mean of the correlations A and B of two halves of the samples, off the
    diagonal: s = (E |R|^2 - |P|^2) / E |R|^2, and since A and B are independent, E |A - B|^2 / 4
    is the numerator.

    Args:
        one: Covariances of one half of the samples, shape (G, K, K).
        other: Those of the other half.

    Returns:
        Shares |A - B|^2 / |A + B|^2, but at most 1, shape (G,); 0 for K = 1.
    """
    deviation = np.sqrt(np.diagonal(one + other, axis1=1, axis2=2).clip(0, None))
    inverse = np.divide(1, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    units = inverse[:, :, None] * inverse[:, None, :] * (1 - np.eye(one.shape[1]))
    chance = np.square((one - other) * units).sum(axis=(1, 2))
    power = np.square((one + other) * units).sum(axis=(1, 2))
    share = np.divide(chance, power, out=np.ones_like(power), where=power > 0)
    return np.zeros(len(share)) if one.shape[1] == 1 else share.clip(0, 1)


def _damping(halves: Sequence[Doubles], chance: Doubles) -> float:
    """Return the damping for the mean of two halves, each of which has twice its variance."""
    known = [_shrunk(half, 2 * chance / (1 + chance)) for half in halves]
    return best_damping(known, halves)


def _shrunk(covariance: Doubles, share: Doubles) -> Doubles:
    """Move covariances towards their diagonals by a share of the way, shape (G,)."""
    return _with_diagonal(covariance * (1 - share)[:, None, None], covariance)


def _with_diagonal(matrices: Doubles, other: Doubles) -> Doubles:
    """Return matrices with the diagonals of others, shape (G, K, K)."""
    places = np.arange(matrices.shape[1])
    found = matrices.copy()
    found[:, places, places] = other[:, places, places]
    return found

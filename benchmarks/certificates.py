"""Print how often each confidence bound covers what it bounds, and how wide it is.

For each distribution of distances and each sample size, 2,000 samples at 95 % confidence: the
order-statistic bound of the 0.9 quantile, the betting bound of a mean in [0, 1], the
Clopper-Pearson bound of a probability, and the asymptotic interval of a mean, which is here to
show where it fails. The width is how far the bound lies above the truth (for the interval: from
end to end), on average, in units of the truth where that is not 0. A share below 0.935, three
binomial standard errors under 95 %, is marked with an asterisk.

    python benchmarks/certificates.py
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.stats.asymptotic import asymptotic_interval
from zoo_compress.stats.betting import betting_upper_bounds
from zoo_compress.stats.bounds import clopper_pearson_upper, quantile_upper
from zoo_compress.stats.u_statistics import mean_and_variance

CONFIDENCE = 0.95
QUANTILE = 0.9
SIZES = (50, 200, 1000)
Matrix = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Matrix]


@dataclass(frozen=True)
class Population:
    """A distribution of distances, its mean and its 0.9 quantile."""

    name: str
    draw: Draw
    mean: float
    quantile: float


def capped_cauchy_mean(scale: float) -> float:
    return scale / math.pi * math.log1p(scale**-2) + 1 - 2 / math.pi * math.atan(1 / scale)


def bernoulli(probability: float) -> Population:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Matrix:
        return (rng.random(shape) < probability).astype(np.float64)

    return Population(f"Bernoulli({probability:g})", draw, probability, float(probability > 0.1))


UNBOUNDED = (
    Population("log-normal, sigma 2", lambda g, s: g.lognormal(0, 2, s), math.exp(2), 12.9757),
    Population("Pareto, exponent 1.5", lambda g, s: 1 + g.pareto(1.5, s), 3.0, 10 ** (1 / 1.5)),
    Population("discrete, 1 to 10", lambda g, s: g.integers(1, 11, s).astype(float), 5.5, 9.0),
    Population("constant 2", lambda _, s: np.full(s, 2.0), 2.0, 2.0),
)
BOUNDED = (
    Population("Beta(0.3, 20)", lambda g, s: g.beta(0.3, 20, s), 0.3 / 20.3, math.nan),
    Population(
        "|Cauchy| / 100, at most 1",
        lambda g, s: np.minimum(0.01 * np.abs(g.standard_cauchy(s)), 1),
        capped_cauchy_mean(0.01),
        math.nan,
    ),
    Population(
        "0, 0.1 or 1",
        lambda g, s: g.choice([0.0, 0.1, 1.0], s, p=[0.9, 0.08, 0.02]),
        0.028,
        math.nan,
    ),
    Population("constant 0.3", lambda _, s: np.full(s, 0.3), 0.3, math.nan),
)
PROBABILITIES = (0.0, 0.001, 0.01, 0.1, 0.5)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    population: str
    n: int
    bound: str
    coverage: float
    width: float


def judged(name: str, n: int, bound: str, truth: float, ends: Matrix) -> Row:
    """Count how often the truth lies between the ends, (repetitions, 2)."""
    rounding = 1e-9 * abs(truth)
    covered = (ends[:, 0] <= truth + rounding) & (truth <= ends[:, 1] + rounding)
    start = ends[:, 0] if np.isfinite(ends[:, 0]).all() else truth
    width = float(np.mean(ends[:, 1] - start)) / (truth or 1.0)
    return Row(name, n, bound, float(covered.mean()), width)


def upper_only(bounds: npt.ArrayLike) -> Matrix:
    upper = np.asarray(bounds, np.float64)
    return np.column_stack([np.full(len(upper), -np.inf), upper])


def interval(population: Population, n: int, samples: Matrix) -> Row:
    ends = [
        asymptotic_interval(*mean_and_variance(values), confidence=CONFIDENCE)
        for values in samples
    ]
    return judged(
        population.name, n, "asymptotic interval", population.mean, np.array(ends, np.float64)
    )


def order_statistic(population: Population, n: int, samples: Matrix) -> Row:
    bounds = [quantile_upper(v, quantile=QUANTILE, confidence=CONFIDENCE) for v in samples]
    return judged(population.name, n, "order statistic", population.quantile, upper_only(bounds))


def betting(population: Population, n: int, samples: Matrix) -> Row:
    bounds = betting_upper_bounds(samples, confidence=CONFIDENCE)
    return judged(population.name, n, "betting", population.mean, upper_only(bounds))


def clopper_pearson(population: Population, n: int, samples: Matrix) -> Row:
    counts = samples.sum(axis=1).astype(int)
    known = {int(k): clopper_pearson_upper(int(k), n, CONFIDENCE) for k in np.unique(counts)}
    bounds = [known[int(count)] for count in counts]
    return judged(population.name, n, "Clopper-Pearson", population.mean, upper_only(bounds))


Judge = Callable[[Population, int, Matrix], Row]


def rows(repetitions: int, seed: int) -> Iterator[Row]:
    plans: list[tuple[tuple[Population, ...], tuple[Judge, ...]]] = [
        (UNBOUNDED, (order_statistic, interval)),
        (BOUNDED, (betting, interval)),
        (tuple(map(bernoulli, PROBABILITIES)), (clopper_pearson, betting)),
    ]
    for populations, judges in plans:
        for population in populations:
            for n in SIZES:
                samples = population.draw(np.random.default_rng(seed), (repetitions, n))
                for judge in judges:
                    yield judge(population, n, samples)


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of the confidence bounds.")
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    least = CONFIDENCE - 3 * math.sqrt(CONFIDENCE * (1 - CONFIDENCE) / arguments.repetitions)
    print(f"{'distances':<27}{'n':>5}  {'bound':<20}{'coverage':>9}{'width':>10}")
    for row in rows(arguments.repetitions, arguments.seed):
        mark = "*" if row.coverage < least else " "
        print(
            f"{row.population:<27}{row.n:>5}  {row.bound:<20}{row.coverage:>8.3f}{mark}"
            f"{row.width:>10.3g}",
            flush=True,
        )


if __name__ == "__main__":
    main()

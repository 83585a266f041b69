"""Greedy moves of plans, which choose a level for each site, within a limit of cost."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@compiled
def upgrade(
    costs: Doubles,
    exists: Flags,
    distortions: Doubles,
    allowed: Flags,
    limits: Doubles,
    thetas: Ints,
    totals: Doubles,
) -> None:
    """Move sites to levels that cost more, those that save most distortion for it first.

    Args:
        costs: Of each site at each level, shape (S, L).
        exists: Which levels there are, shape (S, L).
        distortions: Shape (B, S, L).
        allowed: Levels that each plan may be given, shape (B, S, L); (0, 0, 0) for all.
        limits: The most that plans may cost, shape (B,).
        thetas: Levels of the plans, changed in place, shape (B, S).
        totals: Their costs, changed in place, shape (B,).
    """
    sites, levels = costs.shape
    for b in range(len(thetas)):
        while True:
            room, best, at, to = limits[b] - totals[b], 0.0, -1, -1
            for s in range(sites):
                own = thetas[b, s]
                for k in range(levels):
                    extra = costs[s, k] - costs[s, own]
                    if not (exists[s, k] and 0 < extra <= room):
                        continue
                    if len(allowed) > 0 and not allowed[b, s, k]:
                        continue
                    rate = (distortions[b, s, k] - distortions[b, s, own]) / extra
                    if rate < best:
                        best, at, to = rate, s, k
            if at < 0:
                break
            totals[b] += costs[at, to] - costs[at, thetas[b, at]]
            thetas[b, at] = to


@compiled
def downgrade(
    costs: Doubles,
    exists: Flags,
    distortions: Doubles,
    limit: float,
    thetas: Ints,
    totals: Doubles,
) -> None:
    """Move sites to levels that cost less until plans fit, the least distortion for it first.

    Args:
        costs: Of each site at each level, shape (S, L).
        exists: Which levels there are, shape (S, L).
        distortions: Shape (B, S, L).
        limit: The most that a plan may cost.
        thetas: Levels of the plans, changed in place, shape (B, S).
        totals: Their costs, changed in place, shape (B,).
    """
    sites, levels = costs.shape
    for b in range(len(thetas)):
        while totals[b] > limit:
            best, at, to = np.inf, -1, -1
            for s in range(sites):
                own = thetas[b, s]
                for k in range(levels):
                    saved = costs[s, own] - costs[s, k]
                    if not (exists[s, k] and saved > 0):
                        continue
                    loss = distortions[b, s, k] - distortions[b, s, own]
                    rate = loss / min(saved, totals[b] - limit)
                    if rate < best:
                        best, at, to = rate, s, k
            if at < 0:
                break
            totals[b] += costs[at, to] - costs[at, thetas[b, at]]
            thetas[b, at] = to

"""Plans, which choose a level for each site, within a limit of cost: relaxed, then greedy moves.

Costs are whole numbers, so that sums of them are exact in any order, and infinite where there is
no level. Moves of a site are looked at again only where what was found before may not hold.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from zoo_compress.numerics.compiled.machine_code import compiled

Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@compiled
def relax(
    costs: Doubles,
    distortions: Doubles,
    limit: float,
    low: Doubles,
    high: Doubles,
    bisections: int,
    thetas: Ints,
) -> None:
    """Find the least multiplier of costs at which the levels that sites pick alone fit.

    Args:
        costs: Of each site at each level, shape (S, L).
        distortions: Shape (B, S, L).
        limit: The most that sites may cost.
        low: Multipliers at which distortion alone decides, shape (B,); changed.
        high: Multipliers at which cost alone does, shape (B,); changed.
        bisections: How often to halve the interval between them.
        thetas: Filled with the levels, shape (B, S); they stay where no multiplier fits.
    """
    tried = np.zeros(thetas.shape[1], np.int64)
    for b in range(len(thetas)):
        for _ in range(bisections):
            middle, total = math.sqrt(low[b] * high[b]), 0.0
            for s in range(len(tried)):
                least, tried[s] = np.inf, 0
                for k in range(costs.shape[1]):
                    price = distortions[b, s, k] + middle * costs[s, k]
                    if price < least:
                        least, tried[s] = price, k
                total += costs[s, tried[s]]
            if total > limit:
                low[b] = middle
                continue
            high[b] = middle
            for s in range(len(tried)):
                thetas[b, s] = tried[s]


@compiled
def shrink(costs: Doubles, distortions: Doubles, limit: float, thetas: Ints) -> None:
    """Move sites to levels that cost less until plans fit, the least distortion for it first.

    What a move saves beyond the excess does not count. As that shrinks, the rate of a move that
    distorts can only rise: it is found again when it is the least, and any below 0 every time.

    Args:
        costs: Of each site at each level, shape (S, L).
        distortions: Shape (B, S, L).
        limit: The most that sites may cost.
        thetas: Levels of the plans, changed in place, shape (B, S).
    """
    sites, levels = costs.shape
    # The best move of each site: added distortion for the cost saved, level, and excess at which
    # that was so.
    rates, to, seen = np.zeros(sites), np.zeros(sites, np.int64), np.zeros(sites)
    for b in range(len(thetas)):
        excess, at = -limit, -1
        for s in range(sites):
            excess += costs[s, thetas[b, s]]
            rates[s], seen[s] = -np.inf, -1.0
        while excess > 0:
            again, at, least = at, -1, np.inf
            for s in range(sites):
                if seen[s] != excess and (s == again or rates[s] < 0):
                    cost, distorted = costs[s, thetas[b, s]], distortions[b, s, thetas[b, s]]
                    best = np.inf
                    for k in range(levels):
                        saved = cost - costs[s, k]
                        if saved > 0:
                            rate = (distortions[b, s, k] - distorted) / min(saved, excess)
                            if rate < best:
                                best, to[s] = rate, k
                    rates[s], seen[s] = best, excess
                if rates[s] < least:
                    at, least = s, rates[s]
            if at < 0:
                break
            if seen[at] == excess:
                excess -= costs[at, thetas[b, at]] - costs[at, to[at]]
                thetas[b, at], rates[at] = to[at], -np.inf


@compiled
def spend(
    costs: Doubles,
    shared: Doubles,
    shares: Flags,
    distortions: Doubles,
    limit: float,
    thetas: Ints,
) -> None:
    """Upgrade plans up to the limit, and then with what they do not pay for shared things.

    An upgrade may let go of such a thing, so that there is more to spend.

    Args:
        costs: Of each site at each level, shape (S, L).
        shared: Cost of each thing that levels share and a plan pays once, shape (C,).
        shares: Which things levels use, shape (S, L, C).
        distortions: Shape (B, S, L).
        limit: The most that sites may cost if everything shared is paid for.
        thetas: Levels of the plans, changed in place, shape (B, S).
    """
    lacked = np.zeros(len(shared), np.bool_)
    for b in range(len(thetas)):
        unpaid, before = 0.0, -1.0
        for c in range(len(shared)):
            lacked[c] = False
        while unpaid != before:
            _upgrade(costs, shares, distortions[b], lacked, limit + unpaid, thetas[b])
            before, unpaid = unpaid, 0.0
            for c in range(len(shared)):
                lacked[c] = True
            for s in range(thetas.shape[1]):
                for c in range(len(shared)):
                    lacked[c] &= not shares[s, thetas[b, s], c]
            for c in range(len(shared)):
                unpaid += shared[c] if lacked[c] else 0.0


@compiled
def _upgrade(
    costs: Doubles, shares: Flags, distortion: Doubles, lacked: Flags, limit: float, theta: Ints
) -> None:
    """Move sites to levels that cost more, those that save most distortion for it first.

    As room only shrinks, the best move of a site stays the best while it fits.

    Args:
        costs: Of each site at each level, shape (S, L).
        shares: Which things levels use, shape (S, L, C).
        distortion: Shape (S, L).
        lacked: Things that no level may use, shape (C,).
        limit: The most that sites may cost.
        theta: Levels of the plan, changed in place, shape (S,).
    """
    sites, levels = costs.shape
    # The best move of each site: added distortion for the added cost, that cost, and level.
    rates, extras, to = np.zeros(sites), np.zeros(sites), np.zeros(sites, np.int64)
    room = limit
    for s in range(sites):
        room -= costs[s, theta[s]]
        extras[s] = np.inf
    while True:
        at, least = -1, 0.0
        for s in range(sites):
            if extras[s] > room:
                cost, distorted = costs[s, theta[s]], distortion[s, theta[s]]
                best, extras[s] = 0.0, 0.0
                for k in range(levels):
                    extra = costs[s, k] - cost
                    if 0 < extra <= room:
                        rate = (distortion[s, k] - distorted) / extra
                        if rate < best and not _any_of(shares[s, k], lacked):
                            best, extras[s], to[s] = rate, extra, k
                rates[s] = best
            if rates[s] < least:
                at, least = s, rates[s]
        if at < 0:
            return
        room -= extras[at]
        theta[at], extras[at] = to[at], np.inf


@compiled
def _any_of(used: Flags, lacked: Flags) -> bool:
    """Return whether any thing that is used is one that is lacked."""
    found = False
    for c in range(len(lacked)):
        found |= used[c] and lacked[c]
    return found

"""What a run with a budget of latency tells of times in its record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zoo_compress.core import Plan
from zoo_compress.pipeline.attempt import Attempt
from zoo_compress.pipeline.site_timing import computed_options
from zoo_compress.runtime.latency import Latency
from zoo_compress.search.site_times import SiteTime

SHOWN = 3
"""Kinds of options that a note names."""


def time_record(attempt: Attempt, latency: Latency) -> dict[str, Any] | None:
    """Return the budget, whether the result keeps it, and all that was timed for it.

    None for a run with another budget.
    """
    goal = attempt.goal
    if goal is None:
        return None
    times = attempt.store.site_times()
    known = {(time.site, time.option) for time in times}
    return {
        "budget": goal.budget,
        "ratio": latency.ratio,
        "met": latency.ratio <= goal.budget,
        "timed_options": len(times),
        "slower": [
            {"site": time.site, "option": time.option, "ratio": time.ratio}
            for time in times
            if time.slower
        ],
        "untimed": [
            {"site": site.name, "option": option.label}
            for site, options in computed_options(attempt.study)
            for option in options
            if (site.name, option.label) not in known
        ],
        "models": [
            {
                "changed_weights": len(plan.choices),
                "ratio": found.ratio,
                "quartiles": list(found.quartiles),
                "pairs": found.pairs,
                "met": found.ratio <= goal.budget,
            }
            for plan, found in goal.stopwatch.all()
        ],
    }


def slower_note(attempt: Attempt) -> str | None:
    """Return a note that names the options left out for being slower than the original."""
    if attempt.goal is None:
        return None
    ratios: dict[str, list[float]] = {}
    for time in attempt.store.site_times():
        if time.slower:
            ratios.setdefault(time.option, []).append(time.ratio)
    if not ratios:
        return None
    named = ", ".join(
        f"{option} on {len(found)} ({_span(found)} times the original's time)"
        for option, found in list(ratios.items())[:SHOWN]
    )
    rest = len(ratios) - SHOWN
    return f"slower than the original here and left out: {named}" + (
        f" and {rest} other options" if rest > 0 else ""
    )


def doubt_note(attempt: Attempt, latency: Latency) -> str | None:
    """Return a note for a result whose runs lie on both sides of the budget, else None."""
    lower, upper = latency.quartiles
    if attempt.goal is None or not lower <= attempt.goal.budget < upper:
        return None
    return (
        f"the median of the ratios is within the budget of {attempt.goal.budget:g}, but their "
        f"middle half is {lower:.3g} to {upper:.3g}: the machine was busy, or the model is close "
        "to the budget; time it again on a quiet one with `zoo-compress bench`"
    )


def site_times_of(attempt: Attempt, plan: Plan) -> Mapping[str, dict[str, float] | None]:
    """Return the measured times of sites in the original and as a plan has them, in microseconds.

    Empty for a run with another budget; None for a site of which no option was timed.
    """
    if attempt.goal is None:
        return {}
    by_site: dict[str, list[SiteTime]] = {}
    for time in attempt.store.site_times():
        by_site.setdefault(time.site, []).append(time)
    return {
        site.name: _site_time(by_site.get(site.name, ()), plan, site.name)
        for site in attempt.study.sized.offered.sites
    }


def _site_time(times: Sequence[SiteTime], plan: Plan, site: str) -> dict[str, float] | None:
    if not times:
        return None
    original = times[0].original_ns / 1000
    option = plan.choices.get(site)
    chosen = next((t for t in times if option is not None and t.option == option.label), None)
    return {
        "original_us": original,
        "stored_us": original if chosen is None else chosen.amid_ns / 1000,
    }


def _span(ratios: list[float]) -> str:
    least, most = (f"{ratio:.3g}" for ratio in (min(ratios), max(ratios)))
    return least if least == most else f"{least} to {most}"

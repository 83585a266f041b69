"""How long sites take to compute, and which options are worth their time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zoo_compress.runtime.latency import NOISE
from zoo_compress.search.costs import Costs
from zoo_compress.search.space import SearchSpace

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SiteTime:
    """What the nodes around a weight take, measured apart from the model.

    Attributes:
        site: Name of the site.
        option: Label of the option.
        original_ns: Nanoseconds as they are in the original.
        alone_ns: With the option, numbers converted where it computes with others than floats.
        amid_ns: The same without such conversions, as between others of its kind.
    """

    site: str
    option: str
    original_ns: int
    alone_ns: int
    amid_ns: int

    @property
    def ratio(self) -> float:
        """Time between others of its kind over that of the original."""
        return self.amid_ns / self.original_ns

    @property
    def slower(self) -> bool:
        """Whether it is slower than the original even between others of its kind.

        By more than what counts as alike: between such others an option that is just as fast
        still spares conversions.
        """
        return self.ratio > 1 + NOISE


def useful_options(
    space: SearchSpace, times: Iterable[SiteTime], errors: Sequence[Sequence[float]]
) -> SearchSpace:
    """Return the space of the options that are not slower than the original.

    Without those that another one is as fast and as close as: bytes do not count.

    Args:
        space: All options.
        times: What was measured of them; those that were not are left out.
        errors: Error of each option, by site.
    """
    known = _by_option(times)
    kept = [
        _undominated([known.get((site.name, option.label)) for option in options], error)
        for site, options, error in zip(space.sites, space.options, errors, strict=True)
    ]
    return space.restricted(kept)


@dataclass(frozen=True, kw_only=True, eq=False)
class TimeTable:
    """The times of the sites of a space at their levels, in nanoseconds.

    Attributes:
        amid: Without conversions at the borders, shape (S, L); infinity where there is no level.
        border: What conversions at both borders take, shape (S, L).
    """

    amid: Matrix
    border: Matrix

    @classmethod
    def of(cls, space: SearchSpace, times: Iterable[SiteTime]) -> TimeTable:
        """Look up what was measured of the options of a space.

        Options that were not are taken to compute as the original does.
        """
        known = _by_option(times)
        shape = space.level_bytes.shape
        amid, border = np.full(shape, np.inf), np.zeros(shape)
        for row, (site, options) in enumerate(zip(space.sites, space.options, strict=True)):
            found = [known.get((site.name, option.label)) for option in options]
            original = next((time.original_ns for time in found if time is not None), 1)
            amid[row, 0] = original
            for level, time in enumerate(found, start=1):
                amid[row, level] = original if time is None else time.amid_ns
                border[row, level] = 0 if time is None else max(time.alone_ns - time.amid_ns, 0)
        return cls(amid=amid, border=border)

    def costs(self, company: float) -> Costs:
        """Return what levels cost where neighbours compute in the same way with some probability.

        Numbers are converted where an option and the original meet: so much of its border costs
        the option if the neighbours are as the original, and the original if they are not.

        Args:
            company: Share of neighbours that have options which convert, from 0 to 1.
        """
        levels = self.amid + (1 - company) * self.border
        levels[:, 0] = self.amid[:, 0] + company * self.border.max(axis=1, initial=0)
        return Costs(levels=np.rint(levels))


def _by_option(times: Iterable[SiteTime]) -> Mapping[tuple[str, str], SiteTime]:
    return {(time.site, time.option): time for time in times}


def _undominated(times: Sequence[SiteTime | None], errors: Sequence[float]) -> list[int]:
    """Return which options are no slower than the original, and faster than all as close."""
    timed = [(i, time) for i, time in enumerate(times) if time is not None and not time.slower]
    order = sorted(timed, key=lambda pair: (pair[1].amid_ns, errors[pair[0]], pair[0]))
    kept, closest = list[int](), np.inf
    for i, _ in order:
        if errors[i] < closest or not kept:
            kept.append(i)
            closest = errors[i]
    return sorted(kept)

"""The space of plans: one option per site, and what each costs in bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zoo_compress.core import Option, Plan, Site
from zoo_compress.search.costs import Costs, Theta, Thetas

__all__ = ["SearchSpace", "Theta", "Thetas"]


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchSpace:
    """What a search may choose from.

    Level 0 of a site leaves it as it is; the following levels are its options, more bytes
    first.

    Attributes:
        sites: The sites, S of them.
        options: For each site the options of its levels 1, 2, ...
        dense_bytes: For each site the bytes that it takes in the file at level 0.
        fixed_bytes: Bytes of everything else in the file, shared constants not counted.
    """

    sites: tuple[Site, ...]
    options: tuple[tuple[Option, ...], ...]
    dense_bytes: tuple[int, ...]
    fixed_bytes: int

    @property
    def tensors(self) -> tuple[str, ...]:
        """Names of what plans replace: the weights, and the biases that go with them."""
        biases = (site.bias for site in self.sites if site.bias is not None)
        return (*(site.name for site in self.sites), *biases)

    @cached_property
    def levels(self) -> npt.NDArray[np.int64]:
        """Number of levels of each site, shape (S,)."""
        return np.array([1 + len(options) for options in self.options], np.int64)

    @cached_property
    def level_bytes(self) -> npt.NDArray[np.float64]:
        """Bytes of each site at each level, shape (S, L); infinity where there is no level."""
        table = np.full((len(self.sites), int(self.levels.max(initial=1))), np.inf)
        for row, dense, options in zip(table, self.dense_bytes, self.options, strict=True):
            row[0] = dense
            row[1 : 1 + len(options)] = [option.stored_bytes for option in options]
        return table

    @cached_property
    def costs(self) -> Costs:
        """What the levels cost in bytes."""
        return Costs(
            levels=self.level_bytes,
            fixed=self.fixed_bytes,
            shared=self.shared_bytes,
            shares=self.level_shares,
        )

    @property
    def largest(self) -> Theta:
        """The plan that compresses nothing."""
        return np.zeros(len(self.sites), np.int64)

    @property
    def smallest(self) -> Theta:
        """The plan with the fewest bytes."""
        return self.costs.least

    @cached_property
    def shared_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes of each constant that options share, shape (C,)."""
        return np.array([size for _, size in self._shared], np.int64)

    @cached_property
    def level_shares(self) -> npt.NDArray[np.bool_]:
        """Whether a site at a level uses a shared constant, shape (S, L, C)."""
        table = np.zeros((*self.level_bytes.shape, len(self._shared)), bool)
        for site, options in enumerate(self.options):
            for level, option in enumerate(options, start=1):
                table[site, level] = [name in option.shared for name, _ in self._shared]
        return table

    def stored_bytes(self, theta: Theta) -> int:
        """Return the size of the whole model under a plan."""
        return int(self.stored_sizes(theta[None])[0])

    def stored_sizes(self, thetas: Thetas) -> npt.NDArray[np.float64]:
        """Return what `stored_bytes` returns for each of B plans, shape (B,)."""
        return self.costs.exact(thetas)

    def separable_bytes(self, theta: Theta) -> int:
        """Return the size with all shared constants counted, used or not.

        A sum over sites, and an upper bound.
        """
        return self.costs.total(theta)

    def separable_sizes(self, thetas: Thetas) -> npt.NDArray[np.float64]:
        """Return what `separable_bytes` returns for each of B plans, shape (B,)."""
        return self.costs.totals(thetas)

    def plan(self, theta: Theta) -> Plan:
        """Return the plan that an array stands for."""
        chosen = zip(self.sites, self.options, theta, strict=True)
        return Plan(
            choices={site.name: options[level - 1] for site, options, level in chosen if level}
        )

    def thinned(self, errors: Mapping[int, Sequence[float]]) -> SearchSpace:
        """Return the space without options that another one beats in bytes and error at once.

        Of options with the same bytes and error, the first stays.

        Args:
            errors: Error of each option, by the index of the site; other sites keep theirs.
        """
        options = tuple(
            _undominated(options, errors[site]) if site in errors else options
            for site, options in enumerate(self.options)
        )
        return replace(self, options=options)

    def restricted(self, kept: Sequence[Sequence[int]]) -> SearchSpace:
        """Return the space with some of the options, and without sites that have none left.

        Args:
            kept: For each site the positions of the options that stay, in their order.
        """
        dense = zip(self.dense_bytes, kept, strict=True)
        options = zip(self.options, kept, strict=True)
        return SearchSpace(
            sites=tuple(site for site, stay in zip(self.sites, kept, strict=True) if stay),
            options=tuple(tuple(each[i] for i in stay) for each, stay in options if stay),
            dense_bytes=tuple(size for size, stay in dense if stay),
            fixed_bytes=self.fixed_bytes
            + sum(d for d, s in zip(self.dense_bytes, kept, strict=True) if not s),
        )

    def theta(self, plan: Plan) -> Theta:
        """Return the array that stands for a plan.

        Raises:
            KeyError: If the plan names a site or an option that the space does not have.
        """
        unknown = plan.choices.keys() - {site.name for site in self.sites}
        if unknown:
            raise KeyError(f"no site '{min(unknown)}' in this search space")
        levels = [
            _level(site, options, plan.choices.get(site.name))
            for site, options in zip(self.sites, self.options, strict=True)
        ]
        return np.array(levels, np.int64)

    @cached_property
    def _shared(self) -> list[tuple[str, int]]:
        every = (option.shared for options in self.options for option in options)
        return sorted({item for shared in every for item in shared.items()})


def _undominated(options: Sequence[Option], errors: Sequence[float]) -> tuple[Option, ...]:
    """Return the options that no other one is as small and as close as."""
    order = sorted(range(len(options)), key=lambda i: (options[i].stored_bytes, errors[i], i))
    kept: list[int] = []
    closest = np.inf
    for index in order:
        if errors[index] < closest or not kept:
            kept.append(index)
            closest = errors[index]
    return tuple(options[index] for index in sorted(kept))


def _level(site: Site, options: Sequence[Option], choice: Option | None) -> int:
    if choice is None:
        return 0
    for level, option in enumerate(options, start=1):
        if (option.technique, option.settings) == (choice.technique, choice.settings):
            return level
    raise KeyError(f"site '{site.name}' has no option '{choice.label}'")

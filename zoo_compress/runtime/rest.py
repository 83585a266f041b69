"""Run the rest of a model, behind nodes whose outputs are known."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zoo_compress.core import AnyArray, Feed
from zoo_compress.errors import InputError, SourceError
from zoo_compress.runtime.activations import activations
from zoo_compress.runtime.cuts import Cuts, common_shape, element_type
from zoo_compress.runtime.detached import Detached
from zoo_compress.runtime.evaluator import CpuEvaluator, Evaluator, Outputs, run_with
from zoo_compress.runtime.padding import has_padding
from zoo_compress.runtime.stand_in import StandIn

MOST_CUTS = 12
"""With so many, nodes that could be left out but are not take a 24th of a forward on average."""

MOST_BYTES = 1 << 29
"""What is kept of the nodes before all cuts together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Rest:
    """What lies behind a cut.

    Attributes:
        detached: That part of the model.
        feeds: What it takes for each sample.
    """

    detached: Detached
    feeds: Mapping[int, Feed]


class Rests:
    """Cuts a model in a few places, runs it once on some samples, and keeps what leads across.

    A scan changes one weight at a time: what comes before it stays the same, and is half of a
    forward on average. Nothing is cut where that is not sure to leave everything else the same.
    """

    def __init__(self, whole: CpuEvaluator, indices: Sequence[int]) -> None:
        """Take the samples; nothing runs before it is needed.

        Args:
            whole: Runs the whole model.
            indices: The samples to keep.
        """
        self._whole = whole
        self._indices = indices

    def starting_at(self, names: Collection[str]) -> Evaluator:
        """Return what runs candidates that change no other weights than these.

        From the last cut before all nodes that read one of them, or the whole model.
        """
        if not self._places:
            return self._whole
        reader = self._cuts.first_reader(names)
        number = bisect_right(self._places, reader) - 1
        if number < 0:
            return self._whole
        rest = self._rests[self._places[number]]
        if not set(names) <= rest.detached.replaceable:
            return self._whole
        return RestEvaluator(self._whole, rest.detached, rest.feeds, names)

    @cached_property
    def _cuts(self) -> Cuts:
        return Cuts(self._whole.detached.message())

    @cached_property
    def _places(self) -> list[int]:
        """Where the model is cut, ascending."""
        return sorted(self._rests)

    @cached_property
    def _rests(self) -> dict[int, _Rest]:
        """What lies behind each cut, by its place."""
        feeds = self._whole.feeds
        # What only pads a sample is told by inputs that may not lead across.
        if any(has_padding(feeds[index]) for index in self._indices):
            return {}
        start = time.perf_counter()
        try:
            return self._found()
        except (SourceError, InputError, ValueError):
            # What leads across is no array, of a type that numpy lacks, or of several ranks.
            return {}
        finally:
            self._whole.seconds["forward"] += time.perf_counter() - start

    def _found(self) -> dict[int, _Rest]:
        live = {place: self._cuts.live(place) for place in self._wanted()}
        crossing = {place: names for place, names in live.items() if names}
        values = self._values(crossing)
        return {place: self._rest(place, names, values) for place, names in crossing.items()}

    def _wanted(self) -> list[int]:
        """Return places at equal distances among those where weights are read first."""
        names = sorted(self._whole.detached.replaceable)
        readers = sorted({self._cuts.first_reader([name]) for name in names})
        readers = [place for place in readers if place > self._cuts.first]
        chosen = np.linspace(0, len(readers), MOST_CUTS, endpoint=False).astype(int)
        return [readers[number] for number in dict.fromkeys(chosen.tolist())] if readers else []

    def _values(self, crossing: dict[int, frozenset[str]]) -> dict[int, dict[str, AnyArray]]:
        """Return the tensors that lead across cuts, by sample; leave out cuts for lack of room.

        Args:
            crossing: The tensors of each cut; those of most bytes are taken out.
        """
        feeds = [self._whole.feeds[index] for index in self._indices]
        tensors = sorted(set[str]().union(*crossing.values()))
        constants = self._whole.detached.everything()
        runs = activations(self._cuts.model, tensors, feeds, supplied=constants)
        found = dict[int, dict[str, AnyArray]]()
        for index, values in zip(self._indices, runs, strict=True):
            if not all(isinstance(value, np.ndarray) for value in values.values()):
                raise ValueError("a sequence of tensors leads across")
            if not found:
                _fit(crossing, {n: len(feeds) * value.nbytes for n, value in values.items()})
            kept = set[str]().union(*crossing.values())
            found[index] = {name: value for name, value in values.items() if name in kept}
        return found

    def _rest(
        self, place: int, names: frozenset[str], values: Mapping[int, Mapping[str, AnyArray]]
    ) -> _Rest:
        arrays = {name: [of[name] for of in values.values()] for name in sorted(names)}
        live = {n: (element_type(a[0]), common_shape(a)) for n, a in arrays.items()}
        message = self._cuts.behind(place, live)
        taken = {value.name for value in message.graph.input}
        return _Rest(
            detached=self._whole.detached.part(message),
            feeds={
                index: {n: a for n, a in {**self._whole.feeds[index], **of}.items() if n in taken}
                for index, of in values.items()
            },
        )


class RestEvaluator(StandIn):
    """Runs candidates from a cut on; whatever else is asked for, the whole model does.

    Attributes:
        feeds: What the rest of the model takes, by sample.
        arrangement: How the samples share the cores.
        detached: The rest of the model, and its weights that may be replaced.
    """

    def __init__(
        self,
        whole: CpuEvaluator,
        detached: Detached,
        feeds: Mapping[int, Feed],
        names: Collection[str],
    ) -> None:
        """Take the rest of a model.

        Args:
            whole: Runs the whole model.
            detached: The rest.
            feeds: What it takes for each sample.
            names: The weights that candidates may change.
        """
        super().__init__(whole)
        self._names = frozenset(names)
        self.detached = detached
        self.feeds = feeds
        self.arrangement = whole.arrangement

    def holds(self, indices: Sequence[int]) -> bool:
        """Tell whether it knows what samples bring to the cut."""
        return all(index in self.feeds for index in indices)

    def outputs(self, weights: Mapping[str, AnyArray], indices: Sequence[int]) -> list[Outputs]:
        """Return the outputs of the samples at `indices` with `weights` in place."""
        if not weights.keys() <= self._names or not self.holds(indices):
            return self._whole.outputs(weights, indices)
        return run_with(
            weights, self.detached, self.feeds, indices, self.seconds, self.arrangement
        )

    def varying(self, names: Collection[str]) -> Evaluator:
        """Return what runs many candidates that change no other weights than these."""
        # Imported late: it is made of this class.
        from zoo_compress.runtime.varying import VaryingEvaluator

        return VaryingEvaluator(self, names)


def _fit(crossing: dict[int, frozenset[str]], sizes: Mapping[str, int]) -> None:
    """Take cuts out, those of most bytes first, until the tensors of all fit."""
    while crossing:
        kept = set[str]().union(*crossing.values())
        if sum(sizes[name] for name in kept) <= MOST_BYTES:
            return
        del crossing[max(crossing, key=lambda at: sum(sizes[n] for n in crossing[at]))]

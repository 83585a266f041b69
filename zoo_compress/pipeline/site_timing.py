"""Measure how long the options of sites take, each site by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray, Option, Progress, ProgressCallback, Site
from zoo_compress.errors import InputError, SourceError
from zoo_compress.graph.borders import without_borders
from zoo_compress.graph.excerpt import excerpt, excerpt_inputs
from zoo_compress.graph.proto import to_light_proto
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.activations import activations
from zoo_compress.runtime.device import Device
from zoo_compress.runtime.environment import default_threads
from zoo_compress.runtime.fed_session import FedSession
from zoo_compress.runtime.latency import Latency
from zoo_compress.runtime.race import Runnable, take_turns
from zoo_compress.search.site_times import SiteTime

SECONDS = 20.0
"""For all sites together; those that are alike are measured once."""

LIMIT_SHARE = 0.1
"""Of a time limit, the most that this takes."""

LEAST_SECONDS, MOST_SECONDS = 0.05, 1.0
"""For one site with all of its options."""

Racer = Callable[[Sequence[Callable[[], Runnable]], float], Sequence[Latency]]
"""Times what openers open, in so many seconds, each beside the first."""


@dataclass(frozen=True, kw_only=True)
class _Excerpts:
    """A site with the options to time, and what it takes in.

    Attributes:
        site: The site.
        options: Its options that compute in another way than the original.
        values: What it takes in for a typical input.
        model: The nodes around it.
    """

    site: Site
    options: tuple[Option, ...]
    values: Mapping[str, AnyArray]
    model: ir.Model

    @cached_property
    def kind(self) -> bytes:
        """What sites have in common that take the same time."""
        light, _ = to_light_proto(self.model)
        return _without_names(light) + "\n".join(o.label for o in self.options).encode()


def time_sites(
    study: Study, progress: ProgressCallback, *, race: Racer | None = None
) -> list[SiteTime]:
    """Time the options of sites that compute in another way, and the original beside them.

    Each site with the nodes that a runtime computes together with it becomes a small model, which
    is run on what it takes in for one search input, of middle size. The options of a site take
    turns with the original. Sites are left out where nodes in the body of an If, Loop or Scan
    read the weight, and options whose small model does not run.

    Args:
        study: The run.
        progress: Told how far the work has come.
        race: Times models; by default as `runtime.race` does, on the run's device.
    """
    limit = study.settings.seconds
    total = SECONDS if limit is None else min(SECONDS, LIMIT_SHARE * limit)
    excerpts = _excerpts(study)
    kinds = {each.kind: each for each in excerpts[::-1]}
    seconds = float(np.clip(total / max(len(kinds), 1), LEAST_SECONDS, MOST_SECONDS))
    known: dict[bytes, dict[str, tuple[int, int, int]]] = {}
    for kind, each in kinds.items():
        known[kind] = _timed(study, each, race or _race, seconds)
        progress(Progress(stage="time", done=len(known), total=len(kinds)))
    return [
        SiteTime(
            site=each.site.name, option=label, original_ns=original, alone_ns=alone, amid_ns=amid
        )
        for each in excerpts
        for label, (original, alone, amid) in known[each.kind].items()
    ]


def computed_options(study: Study) -> list[tuple[Site, tuple[Option, ...]]]:
    """Return the sites with options that compute in another way than the original, and these."""
    techniques, offered = study.sized.techniques, study.sized.offered
    found = [
        (site, tuple(o for o in options if not techniques[o.technique].folded))
        for site, options in zip(offered.sites, offered.options, strict=True)
    ]
    return [(site, options) for site, options in found if options]


def _excerpts(study: Study) -> list[_Excerpts]:
    model = study.prepared.model
    taken = [(s, o, excerpt_inputs(model, s)) for s, o in computed_options(study)]
    reachable = [(site, options, names) for site, options, names in taken if names is not None]
    names = dict.fromkeys(name for _, _, names in reachable for name in names)
    values = _values(study, list(names)) if reachable else {}
    return [
        _Excerpts(
            site=site,
            options=options,
            values={name: values[name] for name in taken_in},
            model=excerpt(model, site, values),
        )
        for site, options, taken_in in reachable
    ]


def _values(study: Study, names: Sequence[str]) -> dict[str, AnyArray]:
    """Return what tensors hold for the search input of middle size."""
    feeds = study.inputs.subset(study.split.search).feeds
    by_size = sorted(feeds, key=lambda feed: sum(array.size for array in feed.values()))
    light, supplied = to_light_proto(study.prepared.model)
    (found,) = activations(light, names, [by_size[len(by_size) // 2]], supplied=supplied)
    return found


def _timed(
    study: Study, each: _Excerpts, race: Racer, seconds: float
) -> dict[str, tuple[int, int, int]]:
    """Return nanoseconds by option: of the original, of the option alone, and amid its kind."""
    device = study.candidates.evaluator.device
    light, supplied = to_light_proto(each.model)
    original = partial(FedSession.open, light.SerializeToString(), supplied, each.values, device)
    openers: list[Callable[[], Runnable]] = [original]
    places = dict[str, tuple[int, int]]()
    for option in each.options:
        own = list(_entrants(study, each, option, device))
        if own:
            places[option.label] = len(openers), len(openers) + len(own) - 1
            openers += own
    if not places:
        return {}
    found = race(openers, seconds)
    # Ratios between turns say more than medians: what else the machine does falls on all of them.
    base = found[0].original_ms * 1e6
    times = [max(round(base * latency.ratio), 1) for latency in found]
    return {
        label: (max(round(base), 1), times[alone], times[amid])
        for label, (alone, amid) in places.items()
    }


def _entrants(
    study: Study, each: _Excerpts, option: Option, device: Device
) -> Iterator[Callable[[], Runnable]]:
    """Yield what opens an option alone and, if that is another model, amid its kind."""
    rewritten = each.model.clone()
    encoded = study.encoder.encode(each.site.name, option)
    study.encoder.technique(option).rewrite(rewritten, each.site, encoded)
    whole, supplied = to_light_proto(rewritten)
    inner, taken = without_borders(whole, each.values)
    alone, amid = (
        partial(FedSession.open, model.SerializeToString(), supplied, values, device)
        for model, values in ((whole, each.values), (inner, taken))
    )
    if _runs(alone):
        yield alone
        if len(inner.graph.node) < len(whole.graph.node) and _runs(amid):
            yield amid


def _runs(opener: Callable[[], Runnable]) -> bool:
    try:
        opener().run(None, {})
    except (SourceError, InputError):
        return False
    return True


def _race(openers: Sequence[Callable[[], Runnable]], seconds: float) -> Sequence[Latency]:
    return take_turns(openers, [{}], threads=default_threads(), seconds=seconds)


def _without_names(model: onnx.ModelProto) -> bytes:
    """Return what decides how long a small model takes: operators and shapes, not numbers."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    numbers: dict[str, str] = {"": ""}

    def renamed(name: str) -> str:
        return numbers.setdefault(name, f"v{len(numbers)}")

    for entry in copy.graph.input:
        entry.name = renamed(entry.name)
    for tensor in copy.graph.initializer:
        shape = onnx.TensorProto(
            name=renamed(tensor.name), dims=tensor.dims, data_type=tensor.data_type
        )
        tensor.CopyFrom(shape)
    for node in copy.graph.node:
        node.ClearField("name")
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
    del copy.graph.output[:]
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).digest()

"""From a prepared model and a recipe to the space of plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from zoo_compress.core import Declined, Option, Site
from zoo_compress.errors import NoSiteError
from zoo_compress.graph.fragment import initializer_bytes
from zoo_compress.graph.proto import stored_without
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.recipe import Recipe, load_recipe
from zoo_compress.registry import load_plugin
from zoo_compress.search.site_times import SiteTime
from zoo_compress.search.space import SearchSpace
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.biases import bias_bytes


@dataclass(frozen=True, kw_only=True)
class SizedSpace:
    """The space of plans, the techniques in it, and what is left out.

    Attributes:
        space: What is searched.
        offered: The same with all options of all techniques.
        techniques: The techniques by name.
        declined: Weights that stay as they are.
        ranked: Number of sites whose options were compared; those of others are thinned by what
            these let expect.
        times: How long options take that compute in another way, for a budget of latency.
    """

    space: SearchSpace
    offered: SearchSpace
    techniques: Mapping[str, Technique]
    declined: tuple[Declined, ...]
    ranked: int = 0
    times: tuple[SiteTime, ...] = ()


def load_techniques(recipe: Recipe) -> dict[str, Technique]:
    """Return the recipe's techniques by name.

    Raises:
        PluginError: If one is not installed.
        RecipeError: If one does not accept its settings; the message names the line.
    """
    techniques: dict[str, Technique] = {}
    for name, settings in recipe.techniques.items():
        plugin = load_plugin("techniques", name)
        try:
            techniques[name] = plugin(settings)
        except ValueError as error:
            raise recipe.refusal(name, error) from error
    return techniques


def validate_recipe(name_or_path: str) -> Recipe:
    """Check that a recipe can be used: its keys, its plug-ins and their settings.

    Raises:
        PluginError: If a plug-in is not installed or does not load.
        RecipeError: If a key or a setting is wrong; the message names the line.
    """
    recipe = load_recipe(name_or_path)
    load_plugin("strategies", recipe.search.strategy)
    load_techniques(recipe)
    return recipe


def build_space(
    prepared: Prepared, recipe: Recipe, techniques: Mapping[str, Technique]
) -> SizedSpace:
    """Collect the options of every site that the recipe covers.

    Raises:
        NoSiteError: If no technique makes any covered site smaller.
    """
    chosen: list[tuple[Site, tuple[Option, ...]]] = []
    declined = list(prepared.found.declined)
    for site in prepared.found.sites:
        options = _options(site, techniques) if recipe.covers(site.name) else ()
        if options:
            chosen.append((site, options))
        else:
            declined.append(_declined(site, recipe, techniques))
    if not chosen:
        reasons = "; ".join([_reasons(declined), *prepared.notes])
        raise NoSiteError(f"recipe '{recipe.name}' makes no weight smaller: {reasons}")
    space = _space(prepared, recipe, chosen)
    return SizedSpace(space=space, offered=space, techniques=techniques, declined=tuple(declined))


def weight_bytes(site: Site) -> int:
    """Return the bytes that a weight takes in the file uncompressed."""
    return initializer_bytes(site.name, site.shape, site.element_bytes)


def _space(
    prepared: Prepared, recipe: Recipe, chosen: Sequence[tuple[Site, tuple[Option, ...]]]
) -> SearchSpace:
    """Return the space; the bytes of a bias that changes with its weight are counted there."""
    weights, halved = prepared.weights(), prepared.halved_biases(recipe.biases)
    whole, half = dict[str, int](), dict[str, int]()
    for site, _ in chosen:
        if site.bias is not None and site.bias in halved:
            whole[site.name] = bias_bytes(site, weights[site.bias])
            half[site.name] = halved[site.bias]
    held = {*prepared.model.opset_imports, *prepared.model.graph.initializers}
    ours = {site.name for site, _ in chosen} | {str(s.bias) for s, _ in chosen if s.name in half}
    return SearchSpace(
        sites=tuple(site for site, _ in chosen),
        options=tuple(
            tuple(_added(option, half.get(site.name, 0), held) for option in options)
            for site, options in chosen
        ),
        dense_bytes=tuple(weight_bytes(s) + whole.get(s.name, 0) for s, _ in chosen),
        fixed_bytes=stored_without(prepared.model, ours),
    )


def _added(option: Option, bias: int, held: Collection[str]) -> Option:
    """Return an option with the bytes of a bias, and without what the model holds already."""
    shared = {name: size for name, size in option.shared.items() if name not in held}
    return replace(option, stored_bytes=option.stored_bytes + bias, shared=shared)


def _options(site: Site, techniques: Mapping[str, Technique]) -> tuple[Option, ...]:
    found = [option for technique in techniques.values() for option in technique.options(site)]
    return tuple(sorted(found, key=lambda option: -option.stored_bytes))


def _declined(site: Site, recipe: Recipe, techniques: Mapping[str, Technique]) -> Declined:
    reasons = [f"{name}: {t.decline(site)}" for name, t in techniques.items()]
    reason = "; ".join(reasons) if recipe.covers(site.name) else "the recipe leaves it out"
    return Declined(
        name=site.name, shape=site.shape, stored_bytes=site.stored_bytes, reason=reason
    )


def _reasons(declined: list[Declined]) -> str:
    return "; ".join(f"'{weight.name}' {weight.reason}" for weight in declined[:3])

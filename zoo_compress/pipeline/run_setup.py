"""What a run is asked for, with all that its settings name loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from zoo_compress.core import Inputs, Strategy
from zoo_compress.pipeline.aim import Aim
from zoo_compress.pipeline.calibrate import observes
from zoo_compress.pipeline.settings import RunSettings
from zoo_compress.pipeline.space import load_techniques
from zoo_compress.recipe import Recipe, load_recipe
from zoo_compress.registry import load_plugin
from zoo_compress.runtime.device import Device, choose_device
from zoo_compress.search.problem import Problem
from zoo_compress.techniques.base import Technique

INVENTED_RANGES = (
    "the ranges of 8-bit activations come from synthetic inputs: what lies beyond them in real "
    "ones is cut off"
)
UNREPAIRED = "no weight is repaired: synthetic inputs do not show what rounding does to real ones"


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a run is asked for, with all that its settings name loaded.

    Attributes:
        settings: What the user asked for, with a recipe in any case.
        aim: A budget or a weight.
        device: Where plans run.
        recipe: The recipe.
        techniques: Its techniques, by name.
        strategy_type: The class of the strategy.
        notes: What the user should know.
    """

    settings: RunSettings
    aim: Aim
    device: Device
    recipe: Recipe
    techniques: Mapping[str, Technique]
    strategy_type: Callable[[Problem], Strategy]
    notes: tuple[str, ...]

    @property
    def observing(self) -> bool:
        """Whether a technique needs to know the numbers that the model computes with."""
        return observes(self.techniques)

    @property
    def fitting_inputs(self) -> int:
        """Number of inputs that weights and ranges are to be fitted to."""
        return self.recipe.fitting_inputs(observing=self.observing)

    def on(self, inputs: Inputs) -> Setup:
        """Return what can be asked for with these inputs: nothing is fitted to synthetic ones."""
        notes = list[str]()
        recipe = self.recipe
        if inputs.synthetic and self.observing:
            notes.append(INVENTED_RANGES)
        if inputs.synthetic and recipe.fitted:
            kept = ("equalisation",) if recipe.equalises else ()
            recipe = recipe.model_copy(update={"repair": kept})
            notes.append(UNREPAIRED)
        return replace(self, recipe=recipe, notes=(*self.notes, *notes))


def load_setup(settings: RunSettings) -> Setup:
    """Load what settings name, the recipe that suits the budget where they name none.

    Raises:
        ZooCompressError: If the budget, the device, the recipe or the strategy is wrong, or if
            they do not go together.
    """
    aim = Aim.of(settings)
    device, remark = choose_device(settings.device)
    settings, chosen = _with_recipe(settings, aim, device)
    recipe = load_recipe(str(settings.recipe))
    techniques = load_techniques(recipe)
    folded = recipe.remove is None and all(each.folded for each in techniques.values())
    aim.require_speed(recipe.name, folded=folded, device=device.kind)
    return Setup(
        settings=settings,
        aim=aim,
        device=device,
        recipe=recipe,
        techniques=techniques,
        strategy_type=load_plugin("strategies", settings.strategy or recipe.search.strategy),
        notes=(*([remark] if remark else []), *chosen),
    )


def _with_recipe(
    settings: RunSettings, aim: Aim, device: Device
) -> tuple[RunSettings, tuple[str, ...]]:
    """Return settings that name a recipe, and a note if another than usual was chosen for them."""
    if settings.recipe is not None:
        return settings, ()
    recipe = aim.recipe(device.kind)
    note = f"recipe {recipe}: the budget is one of latency, and the usual one speeds nothing up"
    return replace(settings, recipe=recipe), () if aim.latency is None else (note,)

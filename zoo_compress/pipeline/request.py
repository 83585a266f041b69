"""What a run was asked for: what the user gave, and the defaults where nothing was given."""

from __future__ import annotations

from typing import Any

from zoo_compress.pipeline.folder import RECIPE_FILE
from zoo_compress.pipeline.study import Study


def request_record(study: Study) -> dict[str, Any]:
    """Return as JSON values what a command has to say so that it asks for the same.

    The recipe is the run's own copy, and its numbers are written out, so that a later version of
    it changes nothing. Where the model comes from, the record of the run says elsewhere.
    """
    settings = study.settings
    return {
        "budget": settings.budget,
        "gamma": settings.gamma,
        "data": settings.data,
        "recipe": RECIPE_FILE,
        "strategy": study.strategy,
        "trials": study.trials,
        "seconds": settings.seconds,
        "task": study.task,
        "distance": study.distance.name,
        "confidence": settings.confidence,
        "seed": settings.seed,
        "device": str(study.candidates.evaluator.device),
    }

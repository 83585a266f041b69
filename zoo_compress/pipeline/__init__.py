"""The verbs: what the command line does, as functions."""

from zoo_compress.pipeline.compress import RunResult, resume, run
from zoo_compress.pipeline.inspection import Inspection, SiteReport, inspect
from zoo_compress.pipeline.reproduce import ApplyResult, apply
from zoo_compress.pipeline.settings import RunSettings, cache_folder
from zoo_compress.pipeline.space import validate_recipe

__all__ = [
    "ApplyResult",
    "Inspection",
    "RunResult",
    "RunSettings",
    "SiteReport",
    "apply",
    "cache_folder",
    "inspect",
    "resume",
    "run",
    "validate_recipe",
]

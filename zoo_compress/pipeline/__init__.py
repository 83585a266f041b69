"""The verbs: what the command line does, as functions.

A verb is imported when it is first asked for, so that `pull` does not wait for the libraries that
`run` calculates with.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo_compress.pipeline.card import write_card
    from zoo_compress.pipeline.certification import Certification, CertifySettings
    from zoo_compress.pipeline.certify_pair import certify_pair
    from zoo_compress.pipeline.compress import RunResult, resume, run
    from zoo_compress.pipeline.deadline import process_start
    from zoo_compress.pipeline.diagnose import DiagnoseSettings, Diagnosis, diagnose
    from zoo_compress.pipeline.doctor import Check, Diagnostics, examine
    from zoo_compress.pipeline.every import ModelRun, attempt_run, each_model
    from zoo_compress.pipeline.frontier import Frontier, FrontierPoint, frontier
    from zoo_compress.pipeline.inspection import GroupReport, Inspection, SiteReport, inspect
    from zoo_compress.pipeline.package import package
    from zoo_compress.pipeline.package_settings import PackageResult, PackageSettings
    from zoo_compress.pipeline.pull import pull
    from zoo_compress.pipeline.pull_settings import PullFile, PullResult, PullSettings
    from zoo_compress.pipeline.push import check_push, push, push_after_run
    from zoo_compress.pipeline.push_settings import PushedFile, PushResult, PushSettings
    from zoo_compress.pipeline.reproduce import ApplyResult, apply
    from zoo_compress.pipeline.settings import RunSettings, cache_folder
    from zoo_compress.pipeline.space import validate_recipe
    from zoo_compress.pipeline.timing import TimedModel, Timing, TimingSettings, time_models
    from zoo_compress.pipeline.verify import Requirement, Verification, VerifySettings, verify

__all__ = [
    "ApplyResult",
    "Certification",
    "CertifySettings",
    "Check",
    "DiagnoseSettings",
    "Diagnosis",
    "Diagnostics",
    "Frontier",
    "FrontierPoint",
    "GroupReport",
    "Inspection",
    "ModelRun",
    "PackageResult",
    "PackageSettings",
    "PullFile",
    "PullResult",
    "PullSettings",
    "PushResult",
    "PushSettings",
    "PushedFile",
    "Requirement",
    "RunResult",
    "RunSettings",
    "SiteReport",
    "TimedModel",
    "Timing",
    "TimingSettings",
    "Verification",
    "VerifySettings",
    "apply",
    "attempt_run",
    "cache_folder",
    "certify_pair",
    "check_push",
    "diagnose",
    "each_model",
    "examine",
    "frontier",
    "inspect",
    "package",
    "process_start",
    "pull",
    "push",
    "push_after_run",
    "resume",
    "run",
    "time_models",
    "validate_recipe",
    "verify",
    "write_card",
]

_HOMES = {
    "ApplyResult": "reproduce",
    "Certification": "certification",
    "CertifySettings": "certification",
    "Check": "doctor",
    "DiagnoseSettings": "diagnose",
    "Diagnosis": "diagnose",
    "Diagnostics": "doctor",
    "Frontier": "frontier",
    "FrontierPoint": "frontier",
    "GroupReport": "inspection",
    "Inspection": "inspection",
    "ModelRun": "every",
    "PackageResult": "package_settings",
    "PackageSettings": "package_settings",
    "PullFile": "pull_settings",
    "PullResult": "pull_settings",
    "PullSettings": "pull_settings",
    "PushResult": "push_settings",
    "PushSettings": "push_settings",
    "PushedFile": "push_settings",
    "Requirement": "verify",
    "RunResult": "compress",
    "RunSettings": "settings",
    "SiteReport": "inspection",
    "TimedModel": "timing",
    "Timing": "timing",
    "TimingSettings": "timing",
    "Verification": "verify",
    "VerifySettings": "verify",
    "apply": "reproduce",
    "attempt_run": "every",
    "cache_folder": "settings",
    "certify_pair": "certify_pair",
    "check_push": "push",
    "diagnose": "diagnose",
    "each_model": "every",
    "examine": "doctor",
    "frontier": "frontier",
    "inspect": "inspection",
    "package": "package",
    "process_start": "deadline",
    "pull": "pull",
    "push": "push",
    "push_after_run": "push",
    "resume": "compress",
    "run": "compress",
    "time_models": "timing",
    "validate_recipe": "space",
    "verify": "verify",
    "write_card": "card",
}


class _Verbs(ModuleType):
    """This package; where a verb is called like its module, the name stands for the verb."""

    def __getattr__(self, name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        verb = getattr(import_module(f"{self.__name__}.{_HOMES[name]}"), name)
        super().__setattr__(name, verb)
        return verb

    def __setattr__(self, name: str, value: object) -> None:
        # The import system sets each module that it loads as an attribute of the package.
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Verbs

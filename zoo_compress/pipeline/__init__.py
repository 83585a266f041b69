"""The verbs: what the command line does, as functions."""

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

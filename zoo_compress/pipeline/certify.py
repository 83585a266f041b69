"""The certificate: the written model against the original, on inputs that nothing has seen."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.core import Certificate, Progress, ProgressCallback
from zoo_compress.pipeline.study import Study
from zoo_compress.runtime.environment import hardware, versions
from zoo_compress.runtime.evaluator import require_finite, run_model
from zoo_compress.stats.certificates import certify_quantile, certify_top1
from zoo_compress.stats.distance import OutputDistance


def certify(study: Study, model_path: Path, progress: ProgressCallback) -> Certificate:
    """Bound the disagreement of a classifier, else a quantile of the output distance.

    Both models run as the files that they are, in stock ONNX Runtime.

    Raises:
        InputError: If there are too few inputs for any statement.
        OriginalModelError: If the original returns NaN or infinity on one of them.
    """
    feeds = study.inputs.subset(study.split.certify).feeds
    total = 2 * len(feeds)

    def report(done: int) -> None:
        progress(Progress(stage="certify", done=done, total=total))

    original = run_model(study.artifact.model_path, feeds, report)
    require_finite(original, [output.name for output in study.signature.outputs])
    compressed = run_model(model_path, feeds, lambda done: report(len(feeds) + done))
    confidence = study.settings.confidence
    if study.task == "classification":
        return certify_top1(original, compressed, confidence=confidence, scope=_scope(study))
    distance = OutputDistance(original, divisors=study.distance.divisors)
    return certify_quantile(
        distance(compressed, range(len(feeds))),
        confidence=confidence,
        scope=_scope(study),
        relative_to=distance.variance,
    )


def _scope(study: Study) -> str:
    """Say what the statement speaks of."""
    kind = "synthetic inputs only, not real ones: " if study.inputs.synthetic else ""
    found = versions()
    groups = {study.inputs.groups[index] for index in study.split.certify}
    n = len(study.split.certify)
    grouped = f" from {len(groups)} sources" if len(groups) < n else ""
    return (
        f"{kind}{n} inputs{grouped} that the search did not see, out of "
        f"{study.inputs.description}, taken as independent draws; relative to the original, not "
        f"to labels; ONNX Runtime {found['onnxruntime']} CPUExecutionProvider, "
        f"{hardware()['cpu']}"
    )

"""Write the model that a plan describes."""

from __future__ import annotations

from pathlib import Path

from zoo_compress.core import Plan
from zoo_compress.graph.write import write_model
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.pipeline.study import Study
from zoo_compress.plan import PlanFile, plan_record
from zoo_compress.runtime.environment import versions
from zoo_compress.techniques.assembly import put_encoded
from zoo_compress.techniques.encoder import Encoder


def write_plan(prepared: Prepared, plan: Plan, encoder: Encoder, path: Path) -> tuple[Path, ...]:
    """Replace the weights of a copy of the graph as the plan says, and write it.

    The copy shares its weights with `prepared.model`, which stays as it is.

    Raises:
        PlanError: If the plan names a weight or an option that the model does not have.
        DiskFullError: If there is no space; nothing is left behind.
    """
    model = prepared.model.clone()
    put_encoded(model, plan, encoder)
    return write_model(model, path)


def plan_file(study: Study, plan: Plan) -> PlanFile:
    """Return the file from which a plan's model can be written again."""
    return PlanFile(
        source=study.settings.source,
        revision=study.artifact.revision,
        model_sha256=study.digest,
        simplified=study.prepared.simplified,
        raised_to=study.prepared.raised_to,
        removal=study.removal,
        equalised=study.prepared.equalised,
        choices=plan_record(plan),
        calibration=study.calibration,
        biases=study.recipe.biases,
        versions=versions(),
    )

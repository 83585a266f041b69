"""Write the model that a plan describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from zoo_compress.core import Plan
from zoo_compress.errors import PlanError
from zoo_compress.graph.initializers import replace_initializer
from zoo_compress.graph.write import write_model
from zoo_compress.pipeline.prepare import Prepared
from zoo_compress.pipeline.study import Study
from zoo_compress.plan import PlanFile, plan_record
from zoo_compress.runtime.environment import versions
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.biases import store_halved
from zoo_compress.techniques.encoder import Encoder


def write_plan(
    prepared: Prepared,
    plan: Plan,
    techniques: Mapping[str, Technique],
    encoder: Encoder,
    path: Path,
) -> tuple[Path, ...]:
    """Replace the weights of a copy of the graph as the plan says, and write it.

    Sites are rewritten in the order of the model, whatever the order in the plan, so that a
    plan always gives the same bytes. The copy shares its weights with `prepared.model`, which
    stays as it is.

    Raises:
        PlanError: If the plan names a weight or an option that the model does not have.
        DiskFullError: If there is no space; nothing is left behind.
    """
    sites = {site.name: site for site in prepared.found.sites}
    unknown = sorted(plan.choices.keys() - sites.keys())
    if unknown:
        raise PlanError(f"the plan names weight '{unknown[0]}', which the model does not have")
    model = prepared.model.clone()
    for name, site in sites.items():
        option = plan.choices.get(name)
        if option is None:
            continue
        technique = techniques[option.technique]
        try:
            encoded = encoder.encode(name, option)
        except (KeyError, TypeError, ValueError) as error:
            raise PlanError(
                f"weight '{name}' cannot be stored as '{option.label}': {error}"
            ) from error
        technique.rewrite(model, site, encoded)
        if site.bias is not None and encoded.bias is not None:
            if site.bias in encoder.halved:
                store_halved(model, site, encoded.bias)
            else:
                replace_initializer(model.graph, site.bias, encoded.bias)
    return write_model(model, path)


def plan_file(study: Study, plan: Plan) -> PlanFile:
    """Return the file from which a plan's model can be written again."""
    return PlanFile(
        source=study.settings.source,
        revision=study.artifact.revision,
        model_sha256=study.digest,
        simplified=study.prepared.simplified,
        removal=study.removal,
        equalised=study.prepared.equalised,
        choices=plan_record(plan),
        calibration=study.calibration,
        biases=study.recipe.biases,
        versions=versions(),
    )

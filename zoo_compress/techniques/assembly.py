"""Put the weights of a plan into a graph."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import onnx_ir as ir

from zoo_compress.core import Plan
from zoo_compress.errors import PlanError
from zoo_compress.graph.initializers import replace_initializer
from zoo_compress.techniques.base import Technique
from zoo_compress.techniques.biases import store_halved
from zoo_compress.techniques.encoder import Encoder


def restricted(plan: Plan, encoder: Encoder, wanted: Callable[[Technique], bool]) -> Plan:
    """Return the choices of a plan whose techniques are wanted."""
    choices = plan.choices.items()
    return Plan(choices={n: option for n, option in choices if wanted(encoder.technique(option))})


def put_dense(model: ir.Model, plan: Plan, encoder: Encoder) -> None:
    """Give initializers the values that a plan's file decodes to, in place."""
    for name, array in encoder.dense(plan).items():
        replace_initializer(model.graph, name, array)


def put_encoded(model: ir.Model, plan: Plan, encoder: Encoder) -> None:
    """Rewrite the graph as the file of a plan holds it, in place.

    Sites come in the order of the encoder, whatever the order in the plan, so that a plan always
    gives the same bytes. Those whose technique is not `by_weights` come last: it may put nodes
    between others, whose inputs the techniques before still find by name.

    Raises:
        PlanError: If the plan names a weight or an option that there is not.
    """
    unknown = sorted(plan.choices.keys() - encoder.sites.keys())
    if unknown:
        raise PlanError(f"the plan names weight '{unknown[0]}', which the model does not have")
    chosen = [(name, plan.choices[name]) for name in encoder.sites if name in plan.choices]
    # What fails here fails again below, where the weight is known.
    with suppress(KeyError, TypeError, ValueError):
        encoder.encode_ahead(chosen)
    for name, option in sorted(chosen, key=lambda c: not encoder.technique(c[1]).by_weights):
        site = encoder.sites[name]
        try:
            encoded = encoder.encode(name, option)
        except (KeyError, TypeError, ValueError) as error:
            raise PlanError(
                f"weight '{name}' cannot be stored as '{option.label}': {error}"
            ) from error
        encoder.technique(option).rewrite(model, site, encoded)
        if site.bias is not None and encoded.bias is not None:
            if site.bias in encoder.halved:
                store_halved(model, site, encoded.bias)
            else:
                replace_initializer(model.graph, site.bias, encoded.bias)

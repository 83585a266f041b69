"""Bring a graph into the one form that site finding and rewriting expect."""

from __future__ import annotations

import logging
from itertools import count

import onnx_ir as ir
from onnx_ir.passes import PassManager, common

from zoo_compress.graph.names import value_names

# Before IR version 4 every initializer had to be listed as an input as well.
FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS = 4


def normalize(model: ir.Model) -> ir.Model:
    """Move every constant to an initializer of the main graph and drop what no runtime reads.

    In place, in this order:

    - functions of the model are inlined;
    - initializers that an old IR version also lists as inputs stop being inputs; from version 4
      on, being listed is the author's offer to override them, and they stay;
    - Constant nodes, also those in If, Loop and Scan bodies, become initializers, and the
      initializers of bodies move to the main graph under unique names; a constant that is an
      output of its graph stays where it is;
    - metadata and documentation strings go, and so do nodes that nothing reads and identical
      copies of a tensor of up to 1024 elements; `give_biases` parts those that are biases again.

    Returns:
        The same model.
    """
    # Initializers that are inputs or outputs would each get a line on stderr.
    logging.getLogger("onnx_ir").setLevel(logging.ERROR)
    passes: list[ir.passes.InPlacePass] = [common.InlinePass()] if model.functions else []
    if model.ir_version < FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS:
        passes.append(common.RemoveInitializersFromInputsPass())
        model.ir_version = FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS
    passes += [
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        UniqueBodyInitializersPass(),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.RemoveUnusedNodesPass(),
        common.DeduplicateInitializersPass(),
        common.ClearMetadataAndDocStringPass(),
    ]
    PassManager(passes)(model)
    return model


class UniqueBodyInitializersPass(ir.passes.InPlacePass):
    """Give initializers of bodies names that no other value has, so that they can move out.

    Bodies side by side may use one name for different things, which is no longer allowed once
    one of these lies in the main graph.
    """

    def call(self, model: ir.Model) -> ir.passes.PassResult:
        """Rename in place; a free name gets the lowest number that makes it unique."""
        names = value_names(model)
        bodies = [graph for graph in model.graphs() if graph is not model.graph]
        values = [value for body in bodies for value in body.initializers.values()]
        renamed = 0
        for value in values:
            old = value.name or ""
            if names[old] > 1:
                value.name = next(n for i in count(1) if not names[n := f"{old}_{i}"])
                names.subtract([old])
                names.update([value.name])
                renamed += 1
        return ir.passes.PassResult(model, modified=bool(renamed))

"""Bring a graph into the one form that site finding and rewriting expect."""

from __future__ import annotations

import onnx_ir as ir
from onnx_ir.passes import PassManager, common

# Before IR version 4 every initializer had to be listed as an input as well.
FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS = 4


def normalize(model: ir.Model) -> ir.Model:
    """Move every constant to an initializer of the main graph and drop what no runtime reads.

    In place, in this order:

    - functions of the model are inlined;
    - initializers that an old IR version also lists as inputs stop being inputs; from version 4
      on, being listed is the author's offer to override them, and they stay;
    - Constant nodes, also those in If, Loop and Scan bodies, become initializers, and the
      initializers of bodies move to the main graph under unique names;
    - metadata and documentation strings go, and so do nodes that nothing reads and identical
      copies of a tensor.

    Returns:
        The same model.
    """
    passes: list[ir.passes.InPlacePass] = [common.InlinePass()] if model.functions else []
    if model.ir_version < FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS:
        passes.append(common.RemoveInitializersFromInputsPass())
        model.ir_version = FIRST_IR_VERSION_WITH_PRIVATE_INITIALIZERS
    passes += [
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.LiftSubgraphInitializersToMainGraphPass(),
        common.RemoveUnusedNodesPass(),
        common.DeduplicateInitializersPass(),
        common.ClearMetadataAndDocStringPass(),
    ]
    PassManager(passes)(model)
    return model

"""`dynamic-int8`: products of 8-bit weights and activations whose range is found as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from zoo_compress.core import AnyArray, Encoded, Option, Reader, Site
from zoo_compress.graph.fragment import Fragment
from zoo_compress.graph.readers import definitions, replace_readers, substituted_bytes
from zoo_compress.techniques.calibration import Calibration
from zoo_compress.techniques.int8_weights import Int8Settings, int8_codes
from zoo_compress.techniques.sized import no_saving, saving_options


class DynamicInt8:
    """MatMul and Gemm as DynamicQuantizeLinear and MatMulInteger.

    Weights become int8 with one step size for each output; what they are multiplied with is
    rounded to 256 levels between its least and largest number, found anew for every input. A Cast
    and two Mul make floats of the product, and an Add puts on the bias of a Gemm. ONNX Runtime
    takes these nodes together to one. No calibration is needed; finding the range costs a pass
    over the activations.

    Declined are weights of other types than float32, weights with readers other than MatMul and
    Gemm or in the body of an If, Loop or Scan (see `graph.ports`), and those where nothing is
    saved.
    """

    name = "dynamic-int8"
    by_channel = True
    by_weights = False
    observes = False
    folded = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Check the settings; see `Int8Settings`."""
        self._settings = Int8Settings.model_validate(dict(settings))

    def decline(self, site: Site) -> str | None:
        """Return the reason where no integer product can take the place, or nothing is saved."""
        stored = "int8 weights and their nodes"
        return _unreachable(site) or no_saving(site, self.options(site), stored)

    def options(self, site: Site) -> Sequence[Option]:
        """Return the one option, if it saves bytes."""
        if _unreachable(site) is not None:
            return []
        stored = substituted_bytes(_fragment(site), definitions(site))
        settings = {"reduce_range": self._settings.reduced()}
        option = Option(technique=self.name, settings=settings, stored_bytes=stored)
        return saving_options(site, [option])

    def encode(
        self, weight: AnyArray, site: Site, option: Option, calibration: Calibration | None = None
    ) -> Encoded:
        """Round the weight, with feedback if allowed."""
        found = int8_codes(
            weight, site, calibration, reduce_range=bool(option.settings["reduce_range"])
        )
        # MatMulInteger takes (inputs, outputs) alone.
        codes = found.codes.T if site.channel_axis == 0 else found.codes
        tensors: dict[str, AnyArray] = {
            "q": np.ascontiguousarray(codes),
            "d": found.step.reshape(-1),
        }
        return Encoded(option=option, tensors=tensors, dense=found.dense)

    def rewrite(self, model: ir.Model, site: Site, encoded: Encoded) -> None:
        """Put the nodes of the product in the place of those that read the weight."""
        replace_readers(model, _fragment(site), encoded.tensors)


def _unreachable(site: Site) -> str | None:
    """Return why no integer product can take the place of every reader, or None."""
    if site.dtype != "float32":
        return f"{site.dtype} weights: integer products stand in for float32"
    others = sorted({reader.op_type for reader in site.readers} - {"MatMul", "Gemm"})
    if others:
        return f"read by {', '.join(others)}, not by MatMul or Gemm"
    if not site.ports:
        return "read in a way that no integer product can stand in for"
    if len({_output_axis(reader) for reader in site.readers}) > 1:
        return "read both as it is and transposed"
    return None


def _output_axis(reader: Reader) -> int:
    node = onnx.NodeProto.FromString(reader.definition)
    return 0 if any(a.name == "transB" and a.i for a in node.attribute) else 1


def _fragment(site: Site) -> Fragment:
    """Build the nodes for every reader; they depend on shapes only, not on weights."""
    fragment = Fragment(site.name, site.alias)
    outputs = site.shape[site.channel_axis]
    codes = fragment.store("q", (site.elements // outputs, outputs), np.int8)
    step = fragment.store("d", (outputs,), np.float32)
    for node in definitions(site):
        numbers, scale, zero = fragment.add_several("DynamicQuantizeLinear", [node.input[0]], 3)
        product = fragment.add("MatMulInteger", [numbers, codes, zero])
        floats = fragment.add("Cast", [product], to=onnx.TensorProto.FLOAT)
        result = fragment.add("Mul", [floats, fragment.add("Mul", [scale, step])])
        if len(node.input) > 2 and node.input[2]:
            fragment.add("Add", [result, node.input[2]])
        fragment.nodes[-1].output[0] = node.output[0]
    return fragment

"""What onnxsim makes of a model.

Every setting starts from `onnxsim.simplify`, as its command line does, at opset 21, which the
4-bit types need. What calibrates, corrects or searches takes 50 inputs of one shape, as its bias
correction takes no others.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import onnx
import onnxsim
from job import Feeds, Job, run

Model = onnx.ModelProto
OPSET = 21
INPUTS = 50


def _eight_bits(model: Model, feeds: Feeds) -> Model:
    return onnxsim.quantize_weight_only(model)


def _eight_bits_corrected(model: Model, feeds: Feeds) -> Model:
    return onnxsim.correct_bias(model, _eight_bits(model, feeds), calibration_data=feeds)


def _eight_bit_blocks(model: Model, feeds: Feeds) -> Model:
    return onnxsim.quantize_weight_only_int8_block(model)


def _four_bits(model: Model, feeds: Feeds) -> Model:
    return onnxsim.quantize_weight_only_int4(model)


def _four_bits_and_eight(model: Model, feeds: Feeds) -> Model:
    """Eight bits where the length of a row is no multiple of the block of 32."""
    return _eight_bits(_four_bits(model, feeds), feeds)


def _four_bits_and_eight_corrected(model: Model, feeds: Feeds) -> Model:
    return onnxsim.correct_bias(model, _four_bits_and_eight(model, feeds), calibration_data=feeds)


def _gptq_and_eight_corrected(model: Model, feeds: Feeds) -> Model:
    rounded = onnxsim.apply_gptq(model, _four_bits(model, feeds), calibration_data=feeds)
    return onnxsim.correct_bias(model, _eight_bits(rounded, feeds), calibration_data=feeds)


def _auto_and_eight(model: Model, feeds: Feeds) -> Model:
    """Its own stack: equalisation, AdaRound and bias correction, as far as they help."""
    found = onnxsim.auto_quantize_int4(model, calibration_data=feeds)
    print(f"applied: {found.techniques_applied}", file=sys.stderr)
    return _eight_bits(found.quantized_model, feeds)


def _rest_in_half(make: Callable[[Model, Feeds], Model]) -> Callable[[Model, Feeds], Model]:
    return lambda model, feeds: onnxsim.quantize_fp16(make(model, feeds))


def _budget_search(model: Model, feeds: Feeds) -> Model:
    return onnxsim.search_mixed_precision_for_budget(model, calibration_data=feeds).quantized_model


def _recommended(model: Model, feeds: Feeds) -> Model:
    return onnxsim.recommend_quantization(model, calibration_data=feeds).quantized_model


MAKERS: dict[str, Callable[[Model, Feeds], Model]] = {
    "weight int8": _eight_bits,
    "weight int8, bias correction": _eight_bits_corrected,
    "weight int8, blocks": _eight_bit_blocks,
    "weight int8, rest float16": _rest_in_half(_eight_bits),
    "weight int4, blocks": _four_bits,
    "int4 + int8": _four_bits_and_eight,
    "int4 + int8, bias correction": _four_bits_and_eight_corrected,
    "int4 + int8, rest float16": _rest_in_half(_four_bits_and_eight),
    "int4 by GPTQ + int8, bias correction": _gptq_and_eight_corrected,
    "auto_quantize_int4 + int8": _auto_and_eight,
    "budget search, int4 / int8": _budget_search,
    "recommend_quantization": _recommended,
    "MatMulNBits": lambda model, _: onnxsim.quantize_weight_only_matmul_nbits(model),
    "MXFP4 codebook": lambda model, _: onnxsim.quantize_weight_only_mxfp4(model),
    "k-means, 16 centres": lambda model, _: onnxsim.quantize_weight_only_kmeans(model),
    "NF4 codebook": lambda model, _: onnxsim.quantize_weight_only_nf4(model),
    "GGUF Q2_K": lambda model, _: onnxsim.apply_gguf_q2_k_quantization(model),
    "GGUF Q3_K": lambda model, _: onnxsim.apply_gguf_q3_k_quantization(model),
    "GGUF Q4_K": lambda model, _: onnxsim.apply_gguf_q4_k_quantization(model),
    "GGUF Q6_K": lambda model, _: onnxsim.apply_gguf_q6_k_quantization(model),
    "AQLM": lambda model, _: onnxsim.quantize_weight_only_aqlm(model),
    "dynamic int8": lambda model, _: onnxsim.quantize_dynamic(model),
    "static int8": lambda model, feeds: onnxsim.quantize_static(model, calibration_data=feeds),
    "float16": lambda model, _: onnxsim.quantize_fp16(model),
}


def _write(job: Job, make: Callable[[Model, Feeds], Model]) -> None:
    model, equal = onnxsim.simplify(onnx.load(job.model), target_opset_version=OPSET)
    if not equal:
        raise RuntimeError("onnxsim.simplify could not validate its model")
    onnx.save(make(model, job.calibrate_alike[:INPUTS]), job.out)


SETTINGS = {name: partial(_write, make=make) for name, make in MAKERS.items()}

if __name__ == "__main__":
    run("onnxsim", SETTINGS)

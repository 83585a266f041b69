"""Integer weights for the CPU at hand, and what a run says of other ones."""

from __future__ import annotations

import onnx
import pytest
from onnx import numpy_helper

from tests.pipeline.conftest import Case
from zoo_compress import errors
from zoo_compress.core import ignore_progress
from zoo_compress.pipeline import apply, resume, run
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.pipeline.integers import integers_note
from zoo_compress.pipeline.space import SizedSpace
from zoo_compress.pipeline.study import build_study
from zoo_compress.runtime.overflow import products_overflow

INTEGERS = {"recipe": "cpu-speed", "budget": "0.35", "strategy": "knapsack", "trials": 1}
PROBES = ("techniques.int8_weights", "pipeline.integers")


def on_a_cpu(monkeypatch: pytest.MonkeyPatch, *, overflow: bool) -> None:
    """Let the products of the machine overflow, or not, as far as anyone asks."""
    for module in PROBES:
        monkeypatch.setattr(f"zoo_compress.{module}.products_overflow", lambda: overflow)


def largest(case: Case) -> int:
    """Return the largest number among the integer weights of a run's file."""
    tensors = onnx.load(case.out / "model.onnx").graph.initializer
    kernels = [t for t in tensors if t.data_type == onnx.TensorProto.INT8 and len(t.dims) > 1]
    return max(abs(int(number)) for t in kernels for number in numpy_helper.to_array(t).flat)


def noted(case: Case) -> str:
    (found,) = (note for note in case.report["notes"] if "overflow" in note)
    return str(found)


def sized(case: Case, recipe: str, budget: str) -> SizedSpace:
    return build_study(case.settings(recipe=recipe, budget=budget), ignore_progress).sized


def test_weights_have_the_bits_that_this_cpu_multiplies_rightly(case: Case) -> None:
    run(case.settings(**INTEGERS))
    assert largest(case) == (63 if products_overflow() else 127)


def test_a_run_on_a_cpu_whose_products_overflow_says_so_and_is_bound_to_it(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_cpu(monkeypatch, overflow=True)
    run(case.settings(**INTEGERS))
    assert largest(case) == 63
    assert noted(case).endswith("weights of integer products have 7 bits")
    on_a_cpu(monkeypatch, overflow=False)
    apply(str(case.model), plan=case.out / PLAN_FILE, out=case.out / "again.onnx")
    assert (case.out / "again.onnx").read_bytes() == (case.out / "model.onnx").read_bytes()
    with pytest.raises(errors.OutputError, match="range of integer weights changed"):
        resume(case.out)


def test_a_run_elsewhere_says_where_its_file_would_be_wrong(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_cpu(monkeypatch, overflow=False)
    run(case.settings(**INTEGERS))
    assert largest(case) == 127
    assert "set `reduce_range: true` in the recipe" in noted(case)


def test_8_bits_that_the_recipe_asks_for_are_called_wrong_where_they_are(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = case.out.parent / "eight.yaml"
    recipe.write_text("name: eight\ntechniques:\n  static-int8: {reduce_range: false}\n", "utf-8")
    on_a_cpu(monkeypatch, overflow=True)
    (note,) = integers_note(sized(case, str(recipe), "0.35"))
    assert "the outputs of integer products are wrong" in note


@pytest.mark.parametrize("recipe", ["balanced", "gpu-speed"])
def test_recipes_without_unsigned_products_say_nothing(case: Case, recipe: str) -> None:
    assert integers_note(sized(case, recipe, "0.6")) == ()

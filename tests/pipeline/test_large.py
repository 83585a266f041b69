"""Models whose weights stay in their files give what those in memory give."""

from __future__ import annotations

import onnx
import pytest

from tests.pipeline.conftest import Case
from zoo_compress.pipeline import run


def test_weights_that_stay_in_their_file_give_the_same_file(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"save_as_external_data": True, "location": "w.bin", "size_threshold": 0}
    onnx.save(onnx.load(case.model), case.model, **options)
    settings = case.settings(trials=2)
    expected = (run(settings).folder / "model.onnx").read_bytes()
    for module in ("held", "simplify"):
        monkeypatch.setattr(f"zoo_compress.graph.{module}.LARGE_BYTES", 1)
        monkeypatch.setattr(f"zoo_compress.graph.{module}.SMALLEST_APART_BYTES", 512)
    result = run(case.settings(trials=2, out=case.out.with_name("large")))
    assert result.report["simplified"]
    assert (result.folder / "model.onnx").read_bytes() == expected

import pytest

from tests.pipeline.conftest import Case
from zoo_compress.pipeline import inspect


def test_a_compressed_model_has_the_decoded_bytes_of_its_original(made_run: Case) -> None:
    original, compressed = inspect(str(made_run.model)), inspect(str(made_run.out))
    assert compressed.original_bytes < original.original_bytes / 3
    assert compressed.decoded_bytes == pytest.approx(original.decoded_bytes, rel=0.01)
    assert original.decoded_bytes == pytest.approx(original.original_bytes, rel=0.01)
    held = sum(report.site.stored_bytes for report in compressed.sites)
    assert held <= compressed.decoded_bytes

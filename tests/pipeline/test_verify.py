import pytest

from tests.pipeline.conftest import Case
from zoo_compress.hub import resolve
from zoo_compress.pipeline import CertifySettings, VerifySettings, verify


def test_models_are_looked_up_once_for_all_limits(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    described: list[str] = []
    describe = resolve.describe
    monkeypatch.setattr(
        resolve, "describe", lambda *found: described.append(found[0]) or describe(*found)
    )
    model, data = str(case.model), str(case.data)
    found = verify(
        VerifySettings(
            certify=CertifySettings(original=model, compressed=model, data=data),
            max_bytes="1MB",
            max_latency_ratio=50,
            seconds=0.3,
            threads=1,
        )
    )
    assert found.passed
    assert found.latency is not None
    assert found.latency.pairs > 1
    assert described == [model, model]

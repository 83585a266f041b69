"""Texts from the file to the certificate, with and without padding."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.token_models import token_model, write_tokenizer
from zoo_compress.pipeline import CertifySettings, RunSettings, certify_pair, run
from zoo_compress.pipeline.certification import Certification

LENGTH = 12


def padded(path: Path, pad: int) -> Path:
    """Write 60 samples of 3 to 11 tokens, filled up with some token behind the mask."""
    generator = np.random.default_rng(0)
    ids = generator.integers(4, 900, (60, LENGTH))
    mask = (np.arange(LENGTH) < generator.integers(3, LENGTH, 60)[:, None]).astype(np.int64)
    np.savez(path, input_ids=np.where(mask, ids, pad), attention_mask=mask)
    return path


@pytest.fixture
def certified(tmp_path: Path) -> Callable[..., Certification]:
    def by_padding(pad: int, **settings: str) -> Certification:
        outputs = ("token_logits",) if settings.get("task") else ("last_hidden_state",)
        paths = [
            token_model(tmp_path / f"{noise}.onnx", length=LENGTH, outputs=outputs, noise=noise)
            for noise in (0.0, 0.2)
        ]
        data = str(padded(tmp_path / "data.npz", pad))
        original, compressed = map(str, paths)
        asked = CertifySettings(original=original, compressed=compressed, data=data, **settings)
        return certify_pair(asked)

    return by_padding


@pytest.mark.parametrize("settings", [{}, {"distance": "cosine"}, {"task": "classification"}])
def test_what_pads_a_text_is_in_no_certificate(
    certified: Callable[..., Certification], settings: dict[str, str]
) -> None:
    first, second = (certified(pad, **settings) for pad in (0, 999))
    assert second.scale == pytest.approx(first.scale, rel=1e-6)
    bounds = [[each.bound for each in found.certificates] for found in (first, second)]
    assert bounds[1] == pytest.approx(bounds[0], rel=1e-6)
    observed = [[each.observed for each in found.certificates] for found in (first, second)]
    assert observed[1] == pytest.approx(observed[0], rel=1e-6)
    assert min(bounds[0]) > 0


def test_a_model_of_fixed_length_is_compressed_on_a_file_of_texts(tmp_path: Path) -> None:
    words = [f"w{number}" for number in range(900)]
    write_tokenizer(tmp_path / "net", *words, config={"architectures": ["BertModel"]})
    token_model(tmp_path / "net" / "model.onnx", length=LENGTH)
    generator = np.random.default_rng(0)
    lines = [" ".join(generator.choice(words, generator.integers(2, 15))) for _ in range(90)]
    (tmp_path / "texts.txt").write_text("\n".join(lines), encoding="utf-8")
    report = run(
        RunSettings(
            source=str(tmp_path / "net"),
            budget="0.5",
            data=str(tmp_path / "texts.txt"),
            strategy="knapsack",
            trials=2,
            out=tmp_path / "run",
        )
    ).report
    certificate = report["certificates"][0]
    assert "90 texts from file texts.txt, at most 12 tokens each" in certificate["scope"]
    assert "mean cosine distance" in certificate["statement"]
    assert 0 < certificate["observed"] < 0.1

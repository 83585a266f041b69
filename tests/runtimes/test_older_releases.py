"""Files of every technique in older releases of ONNX Runtime, each in its own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.js.layers import TECHNIQUES, LayerModels, write_layers

ROOT = Path(__file__).parents[2]
RELEASES = sorted(path.parent.name for path in ROOT.glob(".runtimes/*/.installed"))

pytestmark = [
    pytest.mark.runtimes,
    pytest.mark.skipif(
        not RELEASES, reason="no other ONNX Runtime is here; `make runtimes-test` installs some"
    ),
]


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> LayerModels:
    return write_layers(tmp_path_factory.mktemp("layers"))


@pytest.mark.parametrize("release", RELEASES)
def test_every_technique_opens_and_returns_what_it_returns_here(
    release: str, layers: LayerModels
) -> None:
    done = subprocess.run(
        [ROOT / ".runtimes" / release / "bin/python", "-m", "tests.runtimes.sessions"],
        cwd=ROOT,
        input=json.dumps(layers.sessions()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = layers.by_technique(json.loads(done.stdout))
    assert sorted(answers) == TECHNIQUES
    for pairs in answers.values():
        for model, answer in pairs:
            model.hold_against(answer)

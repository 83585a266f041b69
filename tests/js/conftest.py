"""What the tests of ONNX Runtime's JavaScript builds and transformers.js share.

They need Node and the packages that `make node-test` installs, and are skipped without.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.js.embeddings import TEXTS, embeddings
from tests.js.folder import lay_out
from tests.js.layers import LayerModels, write_layers
from zoo_compress.core import AnyArray

FOLDER = Path(__file__).parents[2] / ".node"
Ask = Callable[..., Any]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder that holds `node_modules`."""
    if shutil.which("node") is None:
        pytest.skip("there is no Node here")
    if not (FOLDER / "node_modules/@huggingface/transformers").is_dir():
        pytest.skip("transformers.js is not installed here; `make node-test` installs it")
    return FOLDER


@pytest.fixture(scope="session")
def ask(packages: Path) -> Ask:
    """Ask `node.mjs` something and return its answer."""

    def answer(**request: Any) -> Any:
        done = subprocess.run(
            ["node", str(Path(__file__).with_name("node.mjs")), str(packages)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return answer


@pytest.fixture(scope="session")
def layers(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> LayerModels:
    """Small models of each technique, with the outputs of ONNX Runtime in Python."""
    return write_layers(tmp_path_factory.mktemp("layers"))


@dataclass(frozen=True)
class MiniLm:
    """A sentence encoder and what a run made of it, as transformers.js finds them.

    Attributes:
        models: The folder that holds both, `original` and `small`.
        dtype: What to ask for, to get the file of `small`.
    """

    models: Path
    dtype: str

    @property
    def asked(self) -> dict[str, dict[str, Any]]:
        """What to ask for either of them."""
        dtypes = {"original": "fp32", "small": self.dtype}
        return {name: {"model": name, "dtype": d, "texts": TEXTS} for name, d in dtypes.items()}

    def expected(self, name: str) -> AnyArray:
        """Return what either of them makes of the texts in Python."""
        (model,) = (self.models / name / "onnx").glob("*.onnx")
        return embeddings(model, self.models / name / "tokenizer.json")


@pytest.fixture(scope="session")
def minilm(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> MiniLm:
    """The real one, which `make node-test` and `make browser-test` fetch and compress."""
    original, run = packages / "models/Xenova/all-MiniLM-L6-v2", packages / "run"
    if not (original.is_dir() and (run / "model.onnx").is_file()):
        pytest.skip("the model is not here; `make node-test` fetches and compresses it")
    models = tmp_path_factory.mktemp("models")
    (models / "original").symlink_to(original)
    return MiniLm(models, lay_out(run, models / "small"))

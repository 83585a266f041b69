import json
from pathlib import Path

import pytest

from tests.hub.export.tiny import save, tiny_model
from zoo_compress.data.samples.packaged import is_installed
from zoo_compress.hub.export.convert import PACKAGES


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not all(map(is_installed, PACKAGES)):
        pytest.skip("needs the packages of the export extra")
    asked = "architectures" in item.config.option.markexpr
    if item.get_closest_marker("architectures") and not asked:
        pytest.skip("takes minutes; run with -m architectures")


@pytest.fixture(scope="session")
def resnet(tmp_path_factory) -> Path:
    """A folder with an image classifier; not to be changed."""
    return save(tiny_model("ResNetForImageClassification"), tmp_path_factory.mktemp("resnet"))


@pytest.fixture
def bert(tmp_path) -> Path:
    """A folder with an encoder of text."""
    return save(tiny_model("BertModel"), tmp_path / "bert")


@pytest.fixture
def reconfigure():
    """Change keys of a folder's config.json; None takes one out."""

    def change(folder: Path, **keys: object) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text("utf-8")) | keys
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(json.dumps(kept), "utf-8")

    return change

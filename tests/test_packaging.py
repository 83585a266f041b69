import tomllib
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
OUTSIDE = {"zoo_compress.recipes", "zoo_compress.model_cards"}


def test_every_folder_with_code_is_listed_as_a_package() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "zoo_compress").rglob("*.py")}
    found = {".".join(folder.parts) for folder in folders}
    assert found | OUTSIDE == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_listed_package_has_an_init_file() -> None:
    moved = PROJECT["tool"]["setuptools"]["package-dir"]
    for name in PROJECT["tool"]["setuptools"]["packages"]:
        folder = ROOT / moved.get(name, name.replace(".", "/"))
        assert (folder / "__init__.py").is_file(), folder


def test_the_container_is_built_from_all_that_the_package_is_made_of() -> None:
    let_in = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    project, folders = PROJECT["project"], PROJECT["tool"]["setuptools"]["package-dir"].values()
    needed = {project["readme"], *project["license-files"], "pyproject.toml", "constraints.txt"}
    needed |= {folder.partition("/")[0] for folder in folders}
    assert {line.removeprefix("!") for line in let_in if line.startswith("!")} == needed


def test_no_other_packages_namespace_is_taken_up() -> None:
    packages = PROJECT["tool"]["setuptools"]["packages"]
    assert {name.partition(".")[0] for name in packages} == {"zoo_compress"}


def test_the_shipped_recipes_are_resources_of_the_package() -> None:
    shipped = {entry.name for entry in files("zoo_compress.recipes").iterdir()}
    assert {path.name for path in (ROOT / "recipes").glob("*.yaml")} <= shipped
    assert "balanced.yaml" in shipped


def test_the_card_templates_are_resources_of_the_package() -> None:
    shipped = [entry.name for entry in files("zoo_compress.model_cards").iterdir()]
    assert any(name.endswith(".jinja") for name in shipped)


@pytest.mark.parametrize("kind", ["techniques", "strategies", "samples"])
def test_every_plug_in_of_ours_loads(kind: str) -> None:
    for point in entry_points(group=f"zoo_compress.{kind}"):
        if point.module.startswith("zoo_compress."):
            assert point.load() is not None


def test_the_version_is_the_one_of_the_project_file() -> None:
    import zoo_compress

    assert zoo_compress.__version__ == PROJECT["project"]["version"]


def test_no_runtime_flavour_is_a_hard_dependency() -> None:
    assert not [name for name in PROJECT["project"]["dependencies"] if "onnxruntime" in name]

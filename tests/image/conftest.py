"""The image, built once for all tests of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.builder import BASE, Builder
from tests.image.packages import fetch_packages, served

PROGRAMS = ("buildah", "debootstrap")
IMAGE = "localhost/zoo-compress:cpu"


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """A builder with the base that the image is built on here."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} missing; Debian's packages are named alike")
    if os.geteuid():
        pytest.skip("making a base takes root")
    folder = tmp_path_factory.mktemp("images")
    builder = Builder(folder)
    builder.make_base()
    yield builder
    # A copy of every layer lies there: gigabytes.
    builder("rm", "--all")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def image(builder: Builder, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The CPU image."""
    folder = tmp_path_factory.mktemp("packages")
    fetch_packages(folder)
    arguments = [f"CPU_BASE={BASE}", f"GPU_BASE={BASE}", "TORCH_INDEX="]
    with served(folder) as packages:
        builder.build(IMAGE, arguments, packages=packages)
    return IMAGE


@pytest.fixture(scope="session")
def container(builder: Builder, image: str) -> str:
    """A container of the image, not running."""
    return builder("from", "--pull-never", image).strip()


@pytest.fixture(scope="session")
def root(builder: Builder, container: str) -> Path:
    """Its files."""
    return Path(builder("mount", container).strip())

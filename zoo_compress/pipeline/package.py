"""`package`: put a model into a folder that a server, or a browser, takes as it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial

import zoo_compress
from zoo_compress.core import ProgressCallback, ignore_progress
from zoo_compress.deploy.arrangement import Arrangement
from zoo_compress.deploy.bundle import Files, check_destination, write_bundle
from zoo_compress.errors import OutputError
from zoo_compress.manifest import FileRecord, Manifest, Target
from zoo_compress.pipeline.folder import PLAN_FILE
from zoo_compress.pipeline.package_docker import arrange_docker
from zoo_compress.pipeline.package_settings import PackageResult, PackageSettings
from zoo_compress.pipeline.package_source import Goods, find_goods
from zoo_compress.pipeline.package_targets import arrange_plain, arrange_transformers_js
from zoo_compress.pipeline.package_triton import arrange_triton

Arrange = Callable[[Goods, PackageSettings, ProgressCallback], Arrangement]

ARRANGE: Mapping[Target, Arrange] = {
    "triton": arrange_triton,
    "docker": arrange_docker,
    "plain": arrange_plain,
    "transformers-js": arrange_transformers_js,
}

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


def package(
    settings: PackageSettings, *, progress: ProgressCallback = ignore_progress
) -> PackageResult:
    """Write a bundle of a finished run, or of any model.

    Args:
        settings: What to package, for what, and where to.
        progress: Told how far a download has come.

    Raises:
        OutputError: If the place is taken, or the run is not finished or was changed.
        SourceError: If there is no such model, or ONNX Runtime does not open it.
        DiskFullError: If the disk is full.
        ZooCompressError: As for `resolve`.
    """
    _require_usable(settings)
    goods = find_goods(settings.source, progress)
    arrangement = ARRANGE[settings.target](goods, settings, progress)
    manifest = write_bundle(
        settings.out,
        _files(goods, arrangement),
        partial(_manifest, goods, settings, arrangement),
    )
    return PackageResult(
        settings=settings,
        manifest=manifest,
        next=arrangement.next,
        notes=(*goods.notes, *arrangement.notes),
    )


def _require_usable(settings: PackageSettings) -> None:
    """Check what can be checked before any work is done."""
    check_destination(settings.out, overwrite=settings.overwrite)
    if settings.name is not None and not _NAME.fullmatch(settings.name):
        raise OutputError(
            f"name '{settings.name}': expected a letter or digit, then letters, digits, '.', '_' "
            "or '-'"
        )
    if settings.with_original and settings.target != "triton":
        raise OutputError(
            f"--with-original goes with --target triton, not with '{settings.target}'"
        )


def _files(goods: Goods, arrangement: Arrangement) -> Files:
    contents = goods.contents(arrangement.places)
    return {arrangement.path(c.path): c.source for c in contents} | dict(arrangement.added)


def _manifest(
    goods: Goods,
    settings: PackageSettings,
    arrangement: Arrangement,
    files: Mapping[str, FileRecord],
) -> Manifest:
    plan = arrangement.places.get(PLAN_FILE)
    return Manifest(
        zoo_compress=zoo_compress.__version__,
        target=settings.target,
        name=settings.name or goods.name,
        home=arrangement.home,
        model=arrangement.path(arrangement.places[goods.model]),
        source=goods.source,
        revision=goods.artifact.revision,
        licence=goods.artifact.licence,
        original=goods.original,
        plan_sha256=None if plan is None else files[arrangement.path(plan)].sha256,
        files=dict(files),
    )

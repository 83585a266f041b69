"""Fetch one model and the files that belong to it from the Hub."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from huggingface_hub import HfApi
from huggingface_hub.utils.tqdm import tqdm

from zoo_compress.core import Progress, ProgressCallback, ignore_progress
from zoo_compress.errors import ExternalDataError, HubError, SourceError
from zoo_compress.graph.external import ExternalReference, external_references
from zoo_compress.graph.load import read_proto
from zoo_compress.hub.companions import HINT_FILES, is_companion
from zoo_compress.hub.failures import hub_errors
from zoo_compress.hub.variant import choose_variant

_SHA = re.compile(r"[0-9a-f]{40}")

# The library draws no progress bars; it reports through its own callback.
_NO_BAR: Any = partial(tqdm, disable=True)


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A model fetched from the Hub.

    Attributes:
        root: The folder that mirrors the repository.
        model_path: The `.onnx` file in it.
        revision: Commit sha.
    """

    root: Path
    model_path: Path
    revision: str


def pull(
    repo_id: str,
    *,
    cache: Path,
    revision: str | None = None,
    file: str | None = None,
    api: HfApi | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Pulled:
    """Fetch a model, its external data and its companions at one commit.

    Args:
        repo_id: `owner/name`.
        cache: Folder for downloads; the files go to `hub/<owner>--<name>/<sha>` in it.
        revision: Branch, tag, commit or `refs/pr/N`; the default branch if None.
        file: Path of the model in the repository; chosen by `choose_variant` if None.
        api: The client; by default one that reads HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE.
        progress: Told the bytes fetched after every file.

    Raises:
        HubError: If the Hub refuses, cannot be reached, or has no such file.
        SourceError: If the repository has no model, or several and none is chosen, or the model
            is damaged.
        ExternalDataError: If the model refers to files that the repository lacks or that lie
            outside its folder.
        DiskFullError: If the files do not fit on the disk.
    """
    api = HfApi() if api is None else api
    sha, sizes = _listing(api, repo_id, revision)
    root = cache / "hub" / repo_id.replace("/", "--") / sha
    model = _model_in(repo_id, sizes, file)
    fetch = _Fetch(api=api, repo_id=repo_id, sha=sha, root=root, sizes=sizes, progress=progress)
    fetch.files([model])
    others = [name for name in sizes if name in HINT_FILES or is_companion(name, model=model)]
    fetch.files([*_external(repo_id, root, model, sizes), *others])
    return Pulled(root=root, model_path=root / model, revision=sha)


@dataclass(frozen=True, kw_only=True)
class _Fetch:
    api: HfApi
    repo_id: str
    sha: str
    root: Path
    sizes: Mapping[str, int | None]
    progress: ProgressCallback

    def files(self, names: Sequence[str]) -> None:
        total = sum(self.sizes[name] or 0 for name in names)
        done = 0
        for name in names:
            self.progress(Progress(stage="pull", done=done, total=total, detail=name))
            with hub_errors(self.repo_id, revision=self.sha):
                self.api.hf_hub_download(
                    self.repo_id,
                    name,
                    revision=self.sha,
                    local_dir=self.root,
                    tqdm_class=_NO_BAR,
                )
            done += self.sizes[name] or 0
        self.progress(Progress(stage="pull", done=done, total=total))


def _listing(
    api: HfApi, repo_id: str, revision: str | None
) -> tuple[str, Mapping[str, int | None]]:
    """Return the commit that a revision stands for, and the sizes of its files."""
    with hub_errors(repo_id, revision=revision):
        info = api.model_info(repo_id, revision=revision, files_metadata=True)
    # The sha becomes a folder name and the file names become paths below it.
    if info.sha is None or not _SHA.fullmatch(info.sha):
        raise HubError(f"'{repo_id}': the Hub named no commit but {info.sha!r}")
    siblings = info.siblings or []
    return info.sha, {s.rfilename: s.size for s in siblings if _is_inside(s.rfilename)}


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not (path.is_absolute() or ".." in path.parts or "\\" in name)


def _model_in(repo_id: str, sizes: Mapping[str, int | None], file: str | None) -> str:
    if file is None:
        return choose_variant(repo_id, sizes)
    if file not in sizes:
        models = sorted(name for name in sizes if name.endswith(".onnx"))
        raise SourceError(
            f"'{repo_id}' has no file '{file}'; its models are {', '.join(models) or 'none'}"
        )
    return file


def _external(repo_id: str, root: Path, model: str, sizes: Mapping[str, int | None]) -> list[str]:
    """Return the files in the repository that the model's tensors lie in."""
    home = PurePosixPath(model).parent
    names: dict[str, None] = {}
    for reference in _references(repo_id, root, model):
        name = (home / reference.location).as_posix()
        if name not in sizes:
            raise ExternalDataError(
                f"'{repo_id}': tensor '{reference.tensor}' of '{model}' lies in "
                f"'{reference.location}', which the repository does not have"
            )
        names[name] = None
    return list(names)


def _references(repo_id: str, root: Path, model: str) -> tuple[ExternalReference, ...]:
    try:
        return external_references(read_proto(root / model))
    except ExternalDataError as error:
        raise ExternalDataError(f"'{repo_id}': '{model}': {error}") from error

"""Lets each peer make its files, in a folder of its own and a process that may crash."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnx_ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from zoo_compress.core import Feed
from zoo_compress.errors import ZooCompressError
from zoo_compress.runtime.session import open_session

SCRIPTS = Path(__file__).with_name("peers")
ENVIRONMENTS = Path(__file__).parents[1] / ".bench-venvs"
SECONDS = 900
# What the peers' documentation advises before quantizing: below, weights have one step for all.
PER_CHANNEL_OPSET = 13


@dataclass(frozen=True)
class Peer:
    """A tool to compare with.

    Attributes:
        tool: Its name.
        script: The script that runs it.
        environment: Its virtual environment; None for this one.
        settings: Those of the script that are compared.
    """

    tool: str
    script: str
    environment: str | None
    settings: tuple[str, ...]

    @property
    def python(self) -> Path:
        """The interpreter that has the tool."""
        if self.environment is None:
            return Path(sys.executable)
        return ENVIRONMENTS / self.environment / "bin" / "python"


PEERS = (
    Peer(
        "ONNX Runtime",
        "onnxruntime_settings.py",
        None,
        (
            "static int8, per channel",
            "static int8, per tensor",
            "static int4 weights",
            "dynamic int8",
        ),
    ),
    Peer(
        "onnxsim",
        "onnxsim_settings.py",
        "onnxsim",
        (
            "weight int8",
            "weight int8, blocks",
            "weight int8, rest float16",
            "int4 + int8, rest float16",
            "budget search, int4 / int8",
        ),
    ),
    Peer("NNCF", "nncf_settings.py", "nncf", ("quantize", "quantize_with_accuracy_control")),
    Peer("Olive", "olive_settings.py", "olive", ("quantization, best of 12",)),
    Peer("AMD Quark", "quark_settings.py", "quark", ("AutoSearchPro, best of 12",)),
)


@dataclass(frozen=True)
class Entry:
    """A file, or why there is none, as `entry.json` in its folder keeps it.

    Attributes:
        tool: What made it.
        setting: How.
        version: Release of the tool.
        seconds: What making it took.
        peak_bytes: The most memory that this took.
        written_bytes: Size of what the tool wrote.
        stored_bytes: Size without what nothing reads.
        failure: Why there is no file to compare.
    """

    tool: str
    setting: str
    version: str | None = None
    seconds: float | None = None
    peak_bytes: int | None = None
    written_bytes: int | None = None
    stored_bytes: int | None = None
    failure: str | None = None

    def folder(self, parent: Path) -> Path:
        """Return its folder."""
        return parent / re.sub(r"\W+", "-", f"{self.tool} {self.setting}".lower()).strip("-")

    def save(self, parent: Path) -> None:
        """Write `entry.json`."""
        text = json.dumps(asdict(self), indent=2)
        (self.folder(parent) / "entry.json").write_text(text + "\n", "utf-8")


def read_entries(parent: Path) -> list[Entry]:
    """Return the entries of all folders."""
    return [Entry(**json.loads(path.read_text("utf-8"))) for path in parent.glob("*/entry.json")]


def compared_file(entry: Entry, parent: Path) -> Path:
    """Return the file to measure: without what nothing reads, if there is such a copy."""
    folder = entry.folder(parent)
    clean = folder / "clean.onnx"
    return clean if clean.exists() else folder / "model.onnx"


def prepare_folder(
    parent: Path, original: Path, *, calibrate: Sequence[Feed], validate: Sequence[Feed]
) -> None:
    """Put the model and the inputs where the scripts look for them."""
    parent.mkdir(parents=True, exist_ok=True)
    model = onnx.load(original)
    if model.opset_import[0].version < PER_CHANNEL_OPSET:
        model = onnx.version_converter.convert_version(model, PER_CHANNEL_OPSET)
    onnx.save(model, parent / "original.onnx")
    arrays = {
        f"{part}/{sample}/{name}": array
        for part, feeds in (("calibrate", calibrate), ("validate", validate))
        for sample, feed in enumerate(feeds)
        for name, array in feed.items()
    }
    np.savez(parent / "inputs.npz", **arrays)


def make_files(peer: Peer, settings: Sequence[str], parent: Path) -> Iterator[Entry]:
    """Make what is missing and yield it."""
    for setting in settings:
        entry = Entry(peer.tool, setting)
        folder = entry.folder(parent)
        if (folder / "entry.json").exists():
            continue
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        start = time.perf_counter()
        try:
            made = _run_script(peer, setting, folder)
            entry = replace(entry, **made, **_sizes(folder))
        except (RuntimeError, ZooCompressError) as error:
            reason = " ".join(str(error).replace(f"{folder}/", "").split())[:300]
            seconds = time.perf_counter() - start
            entry = replace(entry, seconds=seconds, failure=reason)
        entry.save(parent)
        yield entry


def _run_script(peer: Peer, setting: str, folder: Path) -> dict[str, float]:
    if not peer.python.exists():
        raise RuntimeError("is not installed: see `make bench-peers`")
    command = [str(peer.python), str(SCRIPTS / peer.script), setting, str(folder)]
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, start_new_session=True
        )
        try:
            status = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            # With what it started.
            os.killpg(process.pid, 9)
            process.wait()
            raise RuntimeError(f"not done within {SECONDS} s") from None
    if status:
        lines = (folder / "log.txt").read_text("utf-8", "replace").split("\n")
        last = next((line for line in reversed(lines) if line.strip()), "no message")
        raise RuntimeError(f"exit status {status}: {last.strip()}")
    made: dict[str, float] = json.loads((folder / "made.json").read_text("utf-8"))
    return made


def _sizes(folder: Path) -> dict[str, int]:
    """Drop the nodes and initializers that nothing reads, and see whether the rest opens."""
    written = sum(path.stat().st_size for path in folder.glob("model.onnx*"))
    model = onnx_ir.load(folder / "model.onnx")
    RemoveUnusedNodesPass()(model)
    onnx_ir.save(model, folder / "clean.onnx")
    open_session(folder / "clean.onnx")
    return {
        "written_bytes": written,
        "stored_bytes": min(written, (folder / "clean.onnx").stat().st_size),
    }

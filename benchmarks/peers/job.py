"""What every script of a peer works on; `against_peers.py` starts each in the peer's environment.

    python benchmarks/peers/SCRIPT SETTING FOLDER

The folder above FOLDER holds `original.onnx` and `inputs.npz` with `calibrate/sample/input` and
`validate/sample/input` arrays: what the peer may set ranges or correct with, and what it may
choose by. The script leaves `model.onnx` in FOLDER, and `made.json` with the release, the seconds
that it took, and the most memory. Its last line on stderr says what went wrong. Only what the peer
installs may be imported here.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

Feeds = Sequence[dict[str, Any]]
PROVIDERS = ["CPUExecutionProvider"]


@dataclass(frozen=True)
class Job:
    """A model to make smaller or faster.

    Attributes:
        model: The original.
        calibrate: Inputs to set ranges and correct with.
        validate: Inputs to choose by.
        folder: An empty folder, for `out` and whatever else a peer writes.
    """

    model: Path
    calibrate: Feeds
    validate: Feeds
    folder: Path

    @property
    def out(self) -> Path:
        """Where the result goes."""
        return self.folder / "model.onnx"

    @property
    def calibrate_alike(self) -> Feeds:
        """The calibration inputs of the most frequent shape, for what takes no others."""
        shapes = [tuple(array.shape for array in feed.values()) for feed in self.calibrate]
        usual = Counter(shapes).most_common(1)[0][0]
        return [feed for feed, shape in zip(self.calibrate, shapes, strict=True) if shape == usual]

    @property
    def is_transformer(self) -> bool:
        """Whether the model takes tokens."""
        return "attention_mask" in self.calibrate[0]

    def distances(self, model: Path | bytes) -> list[float]:
        """Return each validation input's squared distance, relative to the original's variance."""
        outputs = _outputs(model, self.validate)
        pairs = zip(outputs, self._reference, strict=True)
        return [float(np.sum((a - b) ** 2)) / self._variance for a, b in pairs]

    def distance(self, model: Path | bytes) -> float:
        """Return their mean."""
        return float(np.mean(self.distances(model)))

    @cached_property
    def _reference(self) -> list[Any]:
        return _outputs(self.model, self.validate)

    @cached_property
    def _variance(self) -> float:
        """Mean of |f - mean f|^2 where outputs have one shape, else of their own spread."""
        reference = self._reference
        if len({array.shape for array in reference}) == 1:
            return float(np.mean(np.sum((reference - np.mean(reference, axis=0)) ** 2, axis=1)))
        return float(np.mean([np.sum((array - array.mean()) ** 2) for array in reference]))


class Reader:
    """Hands inputs out one by one, as the calibration of ONNX Runtime and its kin takes them."""

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds
        self.rewind()

    def get_next(self) -> dict[str, Any] | None:
        return next(self._left, None)

    def rewind(self) -> None:
        self._left = iter([dict(feed) for feed in self._feeds])

    def __len__(self) -> int:
        return len(self._feeds)


def run(package: str, settings: Mapping[str, Callable[[Job], None]]) -> None:
    """Run the setting that the command line names."""
    job = read_job(Path(sys.argv[2]))
    start = time.perf_counter()
    settings[sys.argv[1]](job)
    record = {
        "version": version(package),
        "seconds": time.perf_counter() - start,
        "peak_bytes": _peak_bytes(),
    }
    (job.folder / "made.json").write_text(json.dumps(record), "utf-8")


def _peak_bytes() -> int | None:
    """Return the most memory of this process; what `getrusage` tells starts at its parent's."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 if found else None


def read_job(folder: Path) -> Job:
    """Return the job whose result goes into a folder."""
    parts: dict[str, dict[str, dict[str, Any]]] = {"calibrate": {}, "validate": {}}
    with np.load(folder.parent / "inputs.npz") as stored:
        for key in stored.files:
            part, sample, name = key.split("/", 2)
            parts[part].setdefault(sample, {})[name] = stored[key]
    feeds = {part: list(samples.values()) for part, samples in parts.items()}
    return Job(folder.parent / "original.onnx", **feeds, folder=folder)


def _outputs(model: Path | bytes, feeds: Feeds) -> list[Any]:
    """Return the first output for each input, flat."""
    source = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(source, providers=PROVIDERS)
    return [session.run(None, feed)[0].astype(np.float64).reshape(-1) for feed in feeds]

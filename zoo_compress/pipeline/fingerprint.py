"""What the measurements of a run depend on: a resumed run must depend on the same."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from zoo_compress.errors import OutputError
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.calibrate import feeds_digest
from zoo_compress.pipeline.folder import FINGERPRINT_FILE
from zoo_compress.pipeline.integers import has_short_integers
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.task import token_pooling

RANKED = "number of ranked weights"


def fingerprint(study: Study) -> dict[str, str]:
    """Return digests of the model, the recipe, the split, the search inputs, and the distance.

    What was removed from the graph counts too, if that is anything, the operator set that the
    model was raised to, if it was, the bits of integer weights, if they are fewer than 8, which
    depends on the machine, and of how many weights the options were compared, if that was not all:
    measurements name options by number.
    """
    removal, sized = study.removal, study.sized
    parts = {} if removal is None else {"removal": _digest(removal.model_dump_json().encode())}
    if study.prepared.raised_to is not None:
        parts["operator set"] = str(study.prepared.raised_to)
    if has_short_integers(sized):
        parts["range of integer weights"] = "7 bits"
    if sized.ranked < len(sized.space.sites):
        parts[RANKED] = str(sized.ranked)
    return parts | {
        "model": study.digest,
        "recipe": _digest(study.recipe.model_dump_json().encode()),
        "split": _digest(json.dumps(study.split.record(study.inputs)).encode()),
        "search inputs": feeds_digest(study.inputs.subset(study.split.search).feeds),
        "distance": study.distance.name + _pooled(study),
    }


def _pooled(study: Study) -> str:
    pooling = token_pooling(study.task, study.artifact)
    return "" if pooling is None else f" of {pooling}-pooled tokens"


def has_fingerprint(folder: Path) -> bool:
    """Tell whether a run has begun to measure, or was ready to."""
    return (folder / FINGERPRINT_FILE).is_file()


def noted_ranking(folder: Path) -> int:
    """Return of how many weights, at most, a run has compared the options; without a note all.

    Raises:
        OutputError: If what it was started with cannot be read.
    """
    found = _read(folder).get(RANKED, "")
    return int(found) if found.isdecimal() else sys.maxsize


def save_fingerprint(study: Study) -> None:
    """Write the digests into the run's folder."""
    text = json.dumps(fingerprint(study), indent=2) + "\n"
    atomic_write(study.settings.folder / FINGERPRINT_FILE, text)


def check_fingerprint(study: Study, folder: Path | None = None) -> None:
    """Check that a run goes on with what it was started with.

    Args:
        study: What it would go on with.
        folder: The run's folder; None for the study's own.

    Raises:
        OutputError: If something differs; measurements would mix, and inputs that the search
            saw could enter the certificate.
    """
    folder = study.settings.folder if folder is None else folder
    stored, now = _read(folder), fingerprint(study)
    changed = [part for part in (stored | now) if stored.get(part) != now.get(part)]
    if changed:
        raise OutputError(
            f"'{folder}' cannot be used: the {' and the '.join(changed)} changed since the run "
            "was started; start a new one"
        )


def _read(folder: Path) -> dict[str, str]:
    try:
        stored: dict[str, str] = json.loads((folder / FINGERPRINT_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"'{folder}' cannot be used: {FINGERPRINT_FILE}: {error}") from error
    return stored


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

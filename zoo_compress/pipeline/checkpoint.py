"""The best candidate so far, on disk as a model that can be used if the search never ends."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from zoo_compress.core import Plan, Trial
from zoo_compress.files import atomic_write
from zoo_compress.pipeline.folder import (
    CHECKPOINT_FOLDER,
    MODEL_FILE,
    NEXT_CHECKPOINT_FOLDER,
    PLAN_FILE,
    PREVIOUS_CHECKPOINT_FOLDER,
    REPORT_FILE,
)
from zoo_compress.pipeline.study import Study
from zoo_compress.pipeline.write import plan_file, write_plan
from zoo_compress.search.deadline import Clock

# Of the time since the command began, the most that goes into writing models that a later trial
# may supersede.
LARGEST_SHARE = 0.01

NOTE_FILE = "README.txt"
NOTE = """\
The best candidate of a search that has not ended, as model.onnx, and the plan that makes it again
from the original. It was measured on the search inputs; nothing else is known of it: it has not
passed the publish gate, and no certificate speaks of it.

`zoo-compress resume` on the folder above goes on and puts a checked model in its place.
"""


class Checkpoint:
    """Keeps the model of the best trial in a folder that is replaced as a whole.

    A new one is written beside the old one, then both are renamed. Whatever ends the process, one
    of them stays whole; what a kill left half done is put right when the next session begins.

    Attributes:
        seconds: Seconds that writing took the last time; 0 before.
    """

    def __init__(self, study: Study, *, began: float, clock: Clock = time.perf_counter) -> None:
        """Take the run that it belongs to.

        Args:
            study: The run.
            began: Reading of the clock when the command began.
            clock: The clock.
        """
        self._study = study
        self._began, self._clock = began, clock
        self._spent = self.seconds = 0.0
        self._best: Trial | None = None
        self._waiting = False
        home = study.settings.folder
        self._folder = home / CHECKPOINT_FOLDER
        self._next = home / NEXT_CHECKPOINT_FOLDER
        self._previous = home / PREVIOUS_CHECKPOINT_FOLDER
        self._recover()

    @property
    def path(self) -> Path | None:
        """The folder, if there is a candidate in it."""
        return self._folder if _whole(self._folder) else None

    def keep(self, best: Trial | None) -> None:
        """Write the best trial's model if it is not on disk yet.

        The first one is written at once, later ones when writing has not taken more than its
        share of the time; `flush` writes one that is left waiting.
        """
        if best is not None and best is not self._best:
            self._best, self._waiting = best, not self._on_disk(best.plan)
        if self._waiting and (self.path is None or self._affordable()):
            self._write()

    def flush(self) -> None:
        """Write the best trial's model if it is left waiting."""
        if self._waiting:
            self._write()

    def discard(self) -> None:
        """Remove the folder: a checked model has taken its place, or it failed the check."""
        self._waiting = False
        for folder in (self._next, self._previous, self._folder):
            _remove(folder)

    def _on_disk(self, plan: Plan) -> bool:
        """Tell whether the model of a plan is in the folder, or already published."""
        text, home = plan_file(self._study, plan).to_json(), self._study.settings.folder
        published = (home / REPORT_FILE).is_file() and _holds(home, text)
        return published or _holds(self._folder, text)

    def _affordable(self) -> bool:
        elapsed = self._clock() - self._began
        return self._spent + self.seconds <= LARGEST_SHARE * elapsed

    def _write(self) -> None:
        assert self._best is not None
        start = self._clock()
        study, plan = self._study, self._best.plan
        _remove(self._next)
        self._next.mkdir()
        write_plan(study.prepared, plan, study.encoder, self._next / MODEL_FILE)
        atomic_write(self._next / NOTE_FILE, NOTE)
        # The plan comes last: a folder that has one is whole.
        atomic_write(self._next / PLAN_FILE, plan_file(study, plan).to_json())
        self._replace()
        self._waiting = False
        self.seconds = self._clock() - start
        self._spent += self.seconds

    def _replace(self) -> None:
        _remove(self._previous)
        if self._folder.exists():
            os.replace(self._folder, self._previous)
        os.replace(self._next, self._folder)
        _remove(self._previous)

    def _recover(self) -> None:
        if not _whole(self._folder):
            _remove(self._folder)
            for folder in (self._next, self._previous):
                if _whole(folder):
                    os.replace(folder, self._folder)
                    break
        _remove(self._next)
        _remove(self._previous)


def _whole(folder: Path) -> bool:
    return (folder / PLAN_FILE).is_file() and (folder / MODEL_FILE).is_file()


def _holds(folder: Path, text: str) -> bool:
    """Tell whether a folder holds the model of a plan."""
    return _whole(folder) and (folder / PLAN_FILE).read_text("utf-8") == text


def _remove(folder: Path) -> None:
    """Remove a folder, first of all what says that it is whole."""
    (folder / PLAN_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)

"""Results of a comparison in a file, one a line, so that an interrupted one goes on."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class ResultsFile(Generic[ResultT]):
    """A file with a JSON object a line.

    Attributes:
        path: The file; it need not exist.
        kind: The dataclass whose fields the objects hold.
    """

    path: Path
    kind: type[ResultT]

    def read(self) -> list[ResultT]:
        """Return all results, in the order in which they were added."""
        if not self.path.exists():
            return []
        return [
            self.kind(**json.loads(line)) for line in self.path.read_text("utf-8").splitlines()
        ]

    def add(self, result: Any) -> None:
        """Append a result at once: what is interrupted next loses nothing."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(result)) + "\n")

    def replace(self, results: Iterable[Any]) -> None:
        """Write the file anew."""
        self.path.unlink(missing_ok=True)
        for result in results:
            self.add(result)

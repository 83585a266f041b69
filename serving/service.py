"""The one model that a server offers, and when it is ready."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from .errors import RequestError
from .model import Model
from .response import VERSION

LOGGER = logging.getLogger("uvicorn.error")


class Service:
    """One model, which is ready after it was loaded and has run once."""

    def __init__(self, folder: Path) -> None:
        """Read what to serve from `server.json` in the folder of the bundle."""
        self.settings: dict[str, Any] = json.loads((folder / "server.json").read_text("utf-8"))
        self.folder = folder
        self.name: str = self.settings["name"]
        self.model: Model | None = None
        self.failure: BaseException | None = None
        # More runs at once than cores take turns at the same work and keep more in memory.
        self.turns = anyio.CapacityLimiter(int(self.settings["instances"]))

    async def start(self, on_failure: Callable[[], None]) -> None:
        """Load the model and run it once, off the event loop."""
        try:
            self.model = await anyio.to_thread.run_sync(self._load)
        except Exception as error:
            # Whatever it is, a server without its model must end and say why.
            self.failure = error
            LOGGER.error("the model cannot be served: %s", error)
            on_failure()
        else:
            LOGGER.info("model '%s' is ready", self.name)

    def _load(self) -> Model:
        model = Model(
            self.name, self.folder / self.settings["model"], device=self.settings["device"]
        )
        model.warm_up(self.folder / self.settings["example"])
        return model

    def ready_model(self, name: str, version: str = VERSION) -> Model:
        """Return the model of a name and version.

        Raises:
            RequestError: If there is no such model, or it is not ready.
        """
        if name != self.name or version != VERSION:
            raise RequestError(
                f"no model '{name}' of version {version}; there is '{self.name}' of version "
                f"{VERSION}",
                status=404,
            )
        if self.model is None:
            raise RequestError(f"model '{self.name}' is not ready", status=503)
        return self.model

"""`python -m server`: serve the model of the bundle on HOST and PORT, by default 0.0.0.0:8000."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import uvicorn

from .app import create_app
from .health import PORT


def main() -> int:
    """Serve until a signal ends it; return 1 if the model could not be loaded."""
    folder = Path(__file__).resolve().parent.parent
    server: uvicorn.Server

    def give_up() -> None:
        server.should_exit = True

    app = create_app(folder, on_failure=give_up)
    config = uvicorn.Config(
        app,
        host=os.environ.get("HOST", "0.0.0.0"),
        port=int(os.environ.get("PORT", PORT)),
        access_log=False,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if app.state.service.failure is None else 1


if __name__ == "__main__":
    sys.exit(main())

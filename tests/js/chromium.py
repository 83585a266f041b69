"""A page in headless Chromium, which reaches nothing but loopback."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.js.web_server import WebServer

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
    # No name is looked up: a script that asks a content delivery network fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def find_chromium() -> str | None:
    """Return the browser's path, None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def visit(server: WebServer, program: str, *, patience: float) -> None:
    """Open the server's page with an empty profile and wait for its answer.

    Raises:
        TimeoutError: If there is none in that many seconds.
    """
    with tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as profile:
        command = [program, *OPTIONS, f"--user-data-dir={profile}", server.page]
        log = Path(profile, "stderr.txt")
        with (
            log.open("wb") as errors,
            subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors) as browser,
        ):
            answered = server.answered.wait(patience)
            browser.terminate()
        if not answered:
            shown = log.read_text("utf-8", "replace")[-2000:]
            raise TimeoutError(f"no answer from the page; served {dict(server.sent)}\n{shown}")

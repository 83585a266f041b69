"""`python -m server.health`: exit with 0 if the server of this container is ready, else with 1."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request

PORT = "8000"
"""Where the server listens unless the environment says otherwise. This file imports nothing of the
server, since it is run every few seconds."""

SECONDS = 4.0


def main() -> int:
    """Ask whether the server is ready."""
    url = f"http://127.0.0.1:{os.environ.get('PORT', PORT)}/v2/health/ready"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS):
            return 0
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"not ready: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())

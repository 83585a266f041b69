"""Say in one line why the Hub's client failed to publish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from zoo_compress.errors import HubError
from zoo_compress.hub.failures import LOG_IN, NOT_THE_HUB, hub_errors
from zoo_compress.hub.retry import causes, status_of

LOST = 404
BY_STATUS = {
    401: f"does not take the token, which may have expired; {LOG_IN}",
    402: "wants this account to pay for more space or for private repositories",
    403: "does not let this token write here; make one that may write, then log in with it",
    404: "knows no such repository, or hides it from this token",
    409: "is busy with another change to this repository; push again in a while",
    412: "has another commit than the one that was looked at; push again",
    413: "does not take files of this size",
}


@contextmanager
def push_errors(repo_id: str) -> Iterator[None]:
    """Turn what the client raises inside the block into one line that names the repository.

    Raises:
        HubError: On every failure of the client.
    """
    with hub_errors(repo_id):
        try:
            yield
        except OfflineModeIsEnabled as error:
            raise HubError(f"'{repo_id}': offline mode is on (HF_HUB_OFFLINE)") from error
        except (HfHubHTTPError, ConnectionError, RuntimeError) as error:
            reason = _reason(error)
            if reason is None:
                raise
            raise HubError(f"'{repo_id}': {reason}") from error
        except HFValidationError:
            raise
        # A page instead of JSON, or JSON that is not what the Hub answers.
        except (json.JSONDecodeError, AttributeError) as error:
            raise HubError(f"'{repo_id}': {NOT_THE_HUB}") from error
        # The client's own checks of what the server and the card say.
        except ValueError as error:
            raise HubError(f"'{repo_id}': {_two_lines(error)}") from error


def _reason(error: Exception) -> str | None:
    """Return what an error means for a push; None if that is what it means anywhere."""
    status = next(filter(None, map(status_of, causes(error))), None)
    if status == LOST and isinstance(error, RuntimeError):
        return f"the Hub does not find a file that was sent to it (HTTP {status}); push again"
    if status in BY_STATUS:
        return f"the Hub {BY_STATUS[status]} (HTTP {status})"
    # The client for Xet storage has one kind of error for everything, and tells by its text.
    if "decoding response body" in str(error):
        return NOT_THE_HUB
    if status is None and isinstance(error, RuntimeError) and error.__cause__ is None:
        return f"the upload failed: {_two_lines(error)}"
    return None


def _two_lines(error: BaseException) -> str:
    """Return the start of a message: its second line often says what the first announces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__

"""Say in one line why the Hub's client failed to publish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

from zoo_compress.errors import HubError
from zoo_compress.hub.failures import LOG_IN, hub_errors

NOT_THE_HUB = "what answered is not the Hub (a proxy or a sign-in page?)"

BY_STATUS = {
    401: f"does not take the token, which may have expired; {LOG_IN}",
    402: "wants this account to pay for more space or for private repositories",
    403: "does not let this token write here; make one that may write, then log in with it",
    404: "knows no such repository, or hides it from this token",
    409: "is busy with another change to this repository; push again in a while",
    412: "was changed by someone else while this was pushed; look at it and push again",
    413: "does not take files of this size",
}

_STATUS = re.compile(r"HTTP status client error \((\d{3})\b")


@contextmanager
def push_errors(repo_id: str) -> Iterator[None]:
    """Turn what the client raises inside the block into one line that names the repository.

    Raises:
        HubError: On every failure of the client.
    """
    with hub_errors(repo_id):
        try:
            yield
        except HfHubHTTPError as error:
            reason = BY_STATUS.get(status_of(error))
            if reason is None:
                raise
            code = status_of(error)
            raise HubError(f"'{repo_id}': the Hub {reason} (HTTP {code})") from error
        except OfflineModeIsEnabled as error:
            raise HubError(f"'{repo_id}': offline mode is on (HF_HUB_OFFLINE)") from error
        except ConnectionError as error:
            reason = _storage_reason(error)
            if reason is None:
                raise
            raise HubError(f"'{repo_id}': {reason}") from error
        except HFValidationError:
            raise
        except RuntimeError as error:
            raise HubError(f"'{repo_id}': {_upload_reason(error)}") from error
        # A page instead of JSON, or JSON that is not what the Hub answers.
        except (json.JSONDecodeError, AttributeError) as error:
            raise HubError(f"'{repo_id}': {NOT_THE_HUB}") from error
        # The client's own checks of what the server and the card say.
        except ValueError as error:
            raise HubError(f"'{repo_id}': {_lines(error)}") from error


def status_of(error: HfHubHTTPError) -> int:
    """Return the HTTP status behind an error of the client."""
    status: int = error.response.status_code
    return status


def _storage_reason(error: ConnectionError) -> str | None:
    """Return why Xet storage was out of reach, where that was no matter of the network.

    Its client knows one error for all that, and tells the status in the text.
    """
    text = str(error)
    status = _STATUS.search(text)
    if status is not None and int(status[1]) in BY_STATUS:
        return f"the Hub {BY_STATUS[int(status[1])]} (HTTP {status[1]})"
    return NOT_THE_HUB if "decoding response body" in text else None


def _upload_reason(error: RuntimeError) -> str:
    """Return why a file was not uploaded; the client keeps the reason as the cause."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, HfHubHTTPError):
        known = BY_STATUS.get(status_of(cause))
        reason = f"the Hub {known} (HTTP {status_of(cause)})" if known else _lines(cause)
    else:
        reason = _lines(cause)
    return f"the upload failed: {reason}; push again, what has arrived is not sent twice"


def _lines(error: BaseException) -> str:
    """Return the first two lines of a message: the second often says what the first announces."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) or type(error).__name__

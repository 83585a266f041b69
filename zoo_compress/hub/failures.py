"""Say in one line why the Hub's client failed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    FileMetadataError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from zoo_compress.errors import DiskFullError, HubError, OutputError, ZooCompressError
from zoo_compress.files import NO_SPACE
from zoo_compress.hub.callbacks import CallbackError
from zoo_compress.hub.retry import causes, is_disk_full, status_of

LOG_IN = "log in with 'hf auth login' or set HF_TOKEN"

NOT_THE_HUB = "what answered is not the Hub (a proxy or a sign-in page?)"

BY_STATUS = {
    401: f"wants a valid token, yours may have expired; {LOG_IN}",
    403: "forbids this; check what your token may do",
    404: "knows no such file",
    429: "gets too many requests from here; wait a while and try again",
}


@contextmanager
def hub_errors(repo_id: str, *, revision: str | None = None) -> Iterator[None]:
    """Turn what the client raises inside the block into one line that names the repository.

    What a callback raises that was `carried` here is raised as it was.

    Raises:
        DiskFullError: If a download does not fit on the disk.
        OutputError: If a file in the cache cannot be written.
        HubError: On every other failure of the client.
    """
    try:
        yield
    except CallbackError as failure:
        raise failure.error from failure.error.__cause__
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL, HFValidationError) as error:
        raise _local(repo_id, error) or HubError(
            f"'{repo_id}': {_reason(error, revision)}"
        ) from error
    except (EntryNotFoundError, RuntimeError) as error:
        raise _local(repo_id, error) or HubError(
            f"'{repo_id}': {_reason(error, revision)}"
        ) from error
    # The client builds its answer from any JSON that comes back, whatever keys it has.
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = NOT_THE_HUB
        if isinstance(error.__cause__, Exception):
            # A download that was told to pass by the client's cache hides its error in another.
            reason = _reason(error.__cause__, revision)
        raise HubError(f"'{repo_id}': {reason}") from error


def is_out_of_reach(error: BaseException) -> bool:
    """Tell whether an error means that the Hub cannot be asked, rather than that it refuses."""
    for cause in causes(error):
        if (status := status_of(cause)) is not None:
            return status >= 500
        if isinstance(cause, ConnectionError | httpx2.TransportError | json.JSONDecodeError):
            return True
    return False


def _local(repo_id: str, error: Exception) -> ZooCompressError | None:
    """Return the error that says what is wrong with the disk here, if that is what failed."""
    number = error.errno if isinstance(error, OSError) else None
    if number in NO_SPACE or is_disk_full(error):
        return DiskFullError(f"'{repo_id}': no space left for the download")
    if isinstance(error, OSError) and number is not None and error.filename is not None:
        return OutputError(
            f"'{error.filename}': cannot be written: {error.strerror}; name another folder for "
            "downloads in ZOO_COMPRESS_CACHE"
        )
    return None


def _reason(error: Exception, revision: str | None) -> str:
    """Return the reason; subclasses come before the classes that they refine."""
    match error:
        case GatedRepoError():
            return f"is gated: accept its terms on its page on the Hub, then {LOG_IN}"
        case RepositoryNotFoundError():
            return (
                "there is no such repository on the Hub, nor a local file or folder of that "
                f"name; if it is private, {LOG_IN}"
            )
        case RevisionNotFoundError():
            return f"has no revision '{revision}'"
        case DisabledRepoError():
            return "is disabled by the Hub"
        case OfflineModeIsEnabled():
            return "cannot be fetched: offline mode is on (HF_HUB_OFFLINE)"
        case LocalEntryNotFoundError():
            return _reason_behind(error, revision)
        case HfHubHTTPError():
            return _status(error.response.status_code, error.server_message or _first_line(error))
        case EntryNotFoundError():
            return f"has no such file: {_first_line(error)}"
        case LocalTokenNotFoundError():
            return f"wants a token and there is none; {LOG_IN}"
        case HFValidationError():
            return f"is no valid repository id: {_first_line(error)}"
        case FileMetadataError():
            return "what answered is not the Hub (headers are missing); check HF_ENDPOINT"
        case httpx2.TimeoutException():
            return "the Hub did not answer in time; try again"
        case RuntimeError() if isinstance(error.__cause__, Exception):
            return _reason(error.__cause__, revision)
        case RuntimeError() | ConnectionError() if status := status_of(error):
            return _status(status, _first_line(error))
        case httpx2.HTTPError() | ConnectionError():
            return f"the Hub cannot be reached: {_first_line(error)}"
        case OSError() if "Consistency check failed" in str(error):
            return "a file came with another size than the Hub lists; try again"
        case _:
            return f"the download failed: {_first_line(error)}"


def _reason_behind(error: Exception, revision: str | None) -> str:
    # The client reports any failed look-up as a missing local file and keeps the cause.
    cause = error.__cause__
    if isinstance(cause, Exception):
        return _reason(cause, revision)
    return "the Hub cannot be reached and the file is not here yet"


def _status(code: int, message: str) -> str:
    if code in BY_STATUS:
        return f"the Hub {BY_STATUS[code]} (HTTP {code})"
    if code >= 500:
        return f"the Hub has trouble of its own (HTTP {code}); try again later"
    return f"the Hub refused (HTTP {code}): {message}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__

"""Ask the Hub again where that can help: lost connections, time-outs, limits, its own trouble."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx2
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils._http import parse_ratelimit_headers
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_before_delay,
)
from tenacity.wait import wait_random_exponential

T = TypeVar("T")

TRANSIENT_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})

# Xet's client, which is not written in Python, puts the status into its message only.
_STATUS_IN_MESSAGE = re.compile(r"HTTP status (?:client|server) error \((\d{3})")


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how long to try.

    Attributes:
        attempts: Calls at most, the first one included.
        seconds: Time after which no further call is begun. A Hub that asks to wait longer than
            what is left of it is not waited for.
        longest_wait: Seconds between two calls at most, unless the Hub asks for more. Waits are
            drawn from 0 to 1, 2, 4, ... seconds, so that many clients do not come back at once.
        sleep: How to wait.
    """

    attempts: int = 5
    seconds: float = 120.0
    longest_wait: float = 30.0
    sleep: Callable[[float], None] = time.sleep


PATIENT = RetryPolicy()
"""What the commands use."""


def retried(
    call: Callable[[], T],
    *,
    policy: RetryPolicy = PATIENT,
    before_wait: Callable[[float], None] | None = None,
) -> T:
    """Return what `call` returns, calling it again after errors that may pass.

    Args:
        call: Must be idempotent: an attempt that failed may have been carried out.
        policy: How often and how long to try.
        before_wait: Told the seconds of every wait.

    Raises:
        Exception: What the last attempt raised, as the client raised it.
    """

    def note(state: RetryCallState) -> None:
        if before_wait is not None:
            before_wait(state.upcoming_sleep)

    attempts = Retrying(
        retry=retry_if_exception(is_transient),
        wait=lambda state: _wait(state, policy),
        stop=stop_after_attempt(policy.attempts) | stop_before_delay(policy.seconds),
        sleep=policy.sleep,
        before_sleep=note,
        reraise=True,
    )
    return attempts(call)


def is_transient(error: BaseException) -> bool:
    """Tell whether the same call may succeed a moment later.

    True for lost connections, time-outs, the status codes of limits and of a server in trouble,
    files that arrive cut short, and Xet transfers that fail without saying why.
    """
    for cause in causes(error):
        verdict = _verdict(cause)
        if verdict is not None:
            return verdict
    return False


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an error of the client stands for, if it stands for one."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code
    match = _STATUS_IN_MESSAGE.search(str(error))
    return int(match[1]) if match else None


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it was raised from, the outermost first."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__


def _verdict(error: BaseException) -> bool | None:
    """Return whether an error passes, None where only its cause can tell."""
    status = status_of(error)
    if status is not None:
        return status in TRANSIENT_STATUS
    match error:
        case OfflineModeIsEnabled():
            return False
        case LocalEntryNotFoundError():
            return None
        case httpx2.UnsupportedProtocol() | httpx2.LocalProtocolError():
            return False
        case httpx2.TransportError() | ConnectionError() | TimeoutError():
            return True
        case RuntimeError():
            # Uploads by LFS name their cause, transfers by Xet have none.
            return None if error.__cause__ is not None else not is_disk_full(error)
        case OSError():
            # The client counts the bytes of a download and says so in an error of no number.
            return error.errno is None and "Consistency check failed" in str(error)
    return None


def is_disk_full(error: BaseException) -> bool:
    """Tell whether Xet's client ran out of space, which it puts into its message only."""
    return isinstance(error, RuntimeError) and "No space left on device" in str(error)


def _wait(state: RetryCallState, policy: RetryPolicy) -> float:
    error = state.outcome.exception() if state.outcome is not None else None
    asked = _asked_wait(error) if error is not None else None
    if asked is not None:
        return asked
    return float(wait_random_exponential(multiplier=1, max=policy.longest_wait)(state))


def _asked_wait(error: BaseException) -> float | None:
    """Return the seconds that the Hub asks to stay away, if it does."""
    for cause in causes(error):
        if isinstance(cause, HfHubHTTPError):
            limit = parse_ratelimit_headers(cause.response.headers)
            if limit is not None and limit.remaining == 0 and status_of(cause) == 429:
                return float(limit.reset_in_seconds)
            return _seconds_until(cause.response.headers.get("Retry-After", ""))
    return None


def _seconds_until(text: str) -> float | None:
    """Return the seconds that a Retry-After header means: a number of them, or a date."""
    if text.strip().isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx2
import pytest
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
)

from zoo_compress.hub.retry import is_transient, retried, status_of


def http_error(status, **headers) -> HfHubHTTPError:
    request = httpx2.Request("GET", "http://127.0.0.1/api")
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(status, headers=headers, request=request)
    return HfHubHTTPError("refused", response=response)


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


class Flaky:
    """Fails as told, then returns how often it was called."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


XET = "Network error: Request error: HTTP status client error ({}), domain: http://127.0.0.1/t"

PASSING = [
    *(http_error(status) for status in (408, 429, 500, 502, 503, 504)),
    httpx2.ConnectError("refused"),
    httpx2.ReadError("reset"),
    httpx2.RemoteProtocolError("cut"),
    httpx2.ReadTimeout("slow"),
    ConnectionError("reset"),
    ConnectionError(XET.format("429 Too Many Requests")),
    OSError("Consistency check failed: file should be of size 2 but has size 1 (m.onnx)."),
    RuntimeError("Task error: File reconstruction error: CAS Client Error: Format error"),
    caused_by(LocalEntryNotFoundError("offline?"), httpx2.ConnectError("refused")),
    caused_by(RuntimeError("Error while uploading 'm.onnx' to the Hub."), http_error(503)),
]

LASTING = [
    *(http_error(status) for status in (400, 401, 403, 404, 409, 412, 413, 501)),
    OfflineModeIsEnabled("off"),
    LocalEntryNotFoundError("not here"),
    caused_by(LocalEntryNotFoundError("not here"), OfflineModeIsEnabled("off")),
    caused_by(RuntimeError("Error while uploading 'm.onnx' to the Hub."), http_error(403)),
    ConnectionError(XET.format("403 Forbidden")),
    httpx2.UnsupportedProtocol("ftp"),
    RuntimeError("Task error: No space left on device (os error 28)"),
    PermissionError(13, "no"),
    ValueError("no JSON"),
]


@pytest.mark.parametrize("error", PASSING, ids=str)
def test_what_may_pass_is_tried_again(error, policy):
    assert retried(Flaky(error), policy=policy) == 2


@pytest.mark.parametrize("error", LASTING, ids=str)
def test_what_lasts_is_raised_at_once(error, policy, slept):
    call = Flaky(error)
    with pytest.raises(type(error), match=re.escape(str(error))):
        retried(call, policy=policy)
    assert (call.calls, slept) == (1, [])


def test_the_number_of_attempts_is_bounded_and_the_last_error_raised(policy, slept):
    call = Flaky(*(http_error(500 + number) for number in (0, 2, 3, 4, 0)))
    with pytest.raises(HfHubHTTPError) as caught:
        retried(call, policy=policy)
    assert (call.calls, len(slept)) == (4, 3)
    assert status_of(caught.value) == 504


def test_waits_grow_but_stay_below_the_longest(policy, slept):
    for _ in range(50):
        retried(Flaky(*(http_error(500) for _ in range(3))), policy=policy)
    for number, highest in enumerate((1, 2, 3)):
        waits = slept[number::3]
        assert 0 <= min(waits) < max(waits) <= highest
    assert len({round(wait, 6) for wait in slept}) > 100


@pytest.mark.parametrize(
    "headers",
    [{"Retry_After": "40"}, {"RateLimit": '"api";r=0;t=40'}],
    ids=["Retry-After", "RateLimit"],
)
def test_the_hub_is_waited_for_as_long_as_it_asks(headers, policy, slept):
    assert retried(Flaky(http_error(429, **headers)), policy=policy) == 2
    assert slept == [40]


def test_a_retry_after_may_be_a_date(policy, slept):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    retried(Flaky(http_error(503, Retry_After=date)), policy=policy)
    assert 25 < slept[0] <= 30


def test_a_retry_after_that_means_nothing_is_ignored(policy, slept):
    retried(Flaky(http_error(503, Retry_After="soon")), policy=policy)
    assert slept[0] <= 1


def test_a_wait_longer_than_the_time_that_is_left_is_not_begun(policy, slept):
    call = Flaky(http_error(429, Retry_After="3600"))
    with pytest.raises(HfHubHTTPError):
        retried(call, policy=policy)
    assert (call.calls, slept) == (1, [])


def test_every_wait_is_told(policy, slept):
    told = []
    retried(Flaky(http_error(500), http_error(500)), policy=policy, before_wait=told.append)
    assert told == slept
    assert len(told) == 2


def test_the_status_is_found_in_messages_of_xet():
    assert status_of(ConnectionError(XET.format("403 Forbidden"))) == 403
    assert status_of(ConnectionError("reset")) is None
    assert not is_transient(ConnectionError(XET.format("404 Not Found")))

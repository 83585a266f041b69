"""An error of a caller's callback is the caller's, wherever the client was when it was called."""

import pytest

from tests.hub_server import WRITE_TOKEN
from zoo_compress.hub.contents import Content
from zoo_compress.hub.publication import Target
from zoo_compress.hub.push_session import open_session

# The first would be read as an answer that makes no sense, the second as a lost connection.
FAILURES = [TypeError("a bug of the caller's"), BrokenPipeError(32, "Broken pipe")]


class Callback:
    """Raises when it is told the given text."""

    def __init__(self, error, text):
        self.error, self.text, self.told = error, text, 0

    def __call__(self, progress):
        if self.text in progress.detail:
            self.told += 1
            raise self.error


@pytest.mark.parametrize("error", FAILURES, ids=["bug", "closed pipe"])
def test_it_passes_through_a_pull_and_is_not_tried_again(
    error, hub, make_model, pulling, slept, without_xet
):
    hub.add("me/net", {"model.onnx": make_model()})
    callback = Callback(error, "model.onnx")
    with pytest.raises(type(error)) as raised:
        pulling(progress=callback)
    assert raised.value is error
    assert (callback.told, slept) == (1, [])


@pytest.mark.parametrize("error", FAILURES, ids=["bug", "closed pipe"])
def test_it_passes_through_a_wait_for_the_hub(error, hub, make_model, pulling, waits):
    hub.add("me/net", {"model.onnx": make_model()})
    hub.faults.status(503, path="/api/models/", times=1)
    with pytest.raises(type(error)) as raised:
        pulling(progress=Callback(error, "waiting"))
    assert raised.value is error


@pytest.mark.parametrize("error", FAILURES, ids=["bug", "closed pipe"])
def test_it_passes_through_a_push(error, hub, policy, without_xet, waits):
    session = open_session(Target(repo_id="me/net"), api=hub.api(WRITE_TOKEN), policy=policy)
    callback = Callback(error, "committing")
    with pytest.raises(type(error)) as raised:
        session.push([Content.of("config.json", b"{}")], message="Add", progress=callback)
    assert raised.value is error
    assert callback.told == 1

"""Let what a caller's callback raises pass through the Hub's client."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class CallbackError(Exception):
    """Carries an error of a callback; nothing on the way takes it for an error of the client.

    Attributes:
        error: What the callback raised.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def carried(callback: Callable[P, None]) -> Callable[P, None]:
    """Return a callback for use inside `hub_errors`, which raises its errors as they were."""

    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except Exception as error:
            # Without a cause: a retry looks there for what may pass.
            raise CallbackError(error) from None

    return call

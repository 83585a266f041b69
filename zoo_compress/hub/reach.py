"""Whether the Hub can be reached, and with what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from huggingface_hub import constants, get_token
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.utils._http import get_session

from zoo_compress.errors import ZooCompressError
from zoo_compress.hub.client import hub_client
from zoo_compress.hub.failures import hub_errors

SECONDS_TO_ANSWER = 10.0

State = Literal["reachable", "offline", "unreachable"]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What is known of the way to the Hub.

    Attributes:
        endpoint: The address that the client uses.
        state: Whether it answers; `offline` if the user switched the client's network off.
        token: Whether there is a token. Its value is never kept.
        account: Whom the token belongs to, as the Hub says; None if there is none, or none valid.
        obstacle: What is in the way; None if nothing is.
    """

    endpoint: str
    state: State
    token: bool
    account: str | None = None
    obstacle: str | None = None


def reach_hub() -> Reach:
    """Ask the Hub whose token it is, or without one whether it answers at all."""
    endpoint, token = constants.ENDPOINT, get_token() is not None
    if constants.is_offline_mode():
        return Reach(endpoint=endpoint, state="offline", token=token)
    try:
        with hub_errors(endpoint):
            if token:
                account = str(hub_client().whoami()["name"])
                return Reach(endpoint=endpoint, state="reachable", token=True, account=account)
            _ask_as_nobody(endpoint)
    except ZooCompressError as error:
        refused = isinstance(error.__cause__, HfHubHTTPError)
        return Reach(
            endpoint=endpoint,
            state="reachable" if refused else "unreachable",
            token=token,
            obstacle=str(error),
        )
    return Reach(endpoint=endpoint, state="reachable", token=False)


def _ask_as_nobody(endpoint: str) -> None:
    """Ask who asks: the Hub answers a stranger with JSON.

    Raises:
        Exception: If nothing answers, or something that is not the Hub.
    """
    response = get_session().get(f"{endpoint}/api/whoami-v2", timeout=SECONDS_TO_ANSWER)
    response.json()

"""A Hub on loopback that speaks to the real client: repositories, uploads, tokens and faults.

    def test_a_model_is_pulled(hub, tmp_path):
        hub.add("me/net", {"onnx/model.onnx": data})
        pull("me/net", cache=tmp_path, api=hub.api())

Faults are set up with `hub.faults`, what was asked stands in `hub.requests`.
"""

from tests.hub_server.access import EXPIRED_TOKEN, READ_TOKEN, STRANGER_TOKEN, WRITE_TOKEN
from tests.hub_server.exchange import Request, Response
from tests.hub_server.repository import Commit, File, Repository
from tests.hub_server.server import HubServer

__all__ = [
    "EXPIRED_TOKEN",
    "READ_TOKEN",
    "STRANGER_TOKEN",
    "WRITE_TOKEN",
    "Commit",
    "File",
    "HubServer",
    "Repository",
    "Request",
    "Response",
]

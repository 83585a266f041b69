"""The routes of the Open Inference Protocol, version 2."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .errors import RequestError
from .model import Model
from .request import read_request
from .response import VERSION, write_response

HEADER = "Inference-Header-Content-Length"
"""Says how many bytes of a body are JSON, where tensors follow as bytes."""

LOGGER = logging.getLogger("uvicorn.error")


class Service:
    """One model, which is ready after it was loaded and has run once."""

    def __init__(self, folder: Path) -> None:
        """Read what to serve from `server.json` in the folder of the bundle."""
        self.settings: dict[str, Any] = json.loads((folder / "server.json").read_text("utf-8"))
        self.folder = folder
        self.name: str = self.settings["name"]
        self.model: Model | None = None
        self.failure: BaseException | None = None
        # More runs at once than cores take turns at the same work and keep more in memory.
        self.turns = anyio.CapacityLimiter(int(self.settings["instances"]))

    async def start(self, on_failure: Callable[[], None]) -> None:
        """Load the model and run it once, off the event loop."""
        try:
            self.model = await anyio.to_thread.run_sync(self._load)
        except Exception as error:
            # Whatever it is, a server without its model must end and say why.
            self.failure = error
            LOGGER.error("the model cannot be served: %s", error)
            on_failure()
        else:
            LOGGER.info("model '%s' is ready", self.name)

    def _load(self) -> Model:
        model = Model(
            self.name, self.folder / self.settings["model"], device=self.settings["device"]
        )
        model.warm_up(self.folder / self.settings["example"])
        return model

    def ready_model(self, request: Request) -> Model:
        """Return the model that a request names.

        Raises:
            RequestError: If there is no such model, or it is not ready.
        """
        named, version = request.path_params["name"], request.path_params.get("version", VERSION)
        if named != self.name or version != VERSION:
            raise RequestError(
                f"no model '{named}' of version {version}; there is '{self.name}' of version "
                f"{VERSION}",
                status=404,
            )
        if self.model is None:
            raise RequestError(f"model '{self.name}' is not ready", status=503)
        return self.model


def create_app(folder: Path, *, on_failure: Callable[[], None] = lambda: None) -> Starlette:
    """Return the application.

    Args:
        folder: Folder of the bundle.
        on_failure: Called if the model cannot be loaded.
    """
    service = Service(folder)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        loading = asyncio.create_task(service.start(on_failure))
        yield
        await loading

    app = Starlette(
        routes=_routes(),
        lifespan=lifespan,
        exception_handlers={RequestError: _refused, 404: _unknown_route, 405: _unknown_route},
    )
    app.state.service = service
    return app


def _routes() -> list[Route]:
    model = "/v2/models/{name}"
    versions = [model, model + "/versions/{version}"]
    return [
        Route("/v2", _server),
        Route("/v2/health/live", _live),
        Route("/v2/health/ready", _ready),
        *(Route(path, _metadata) for path in versions),
        *(Route(path + "/ready", _model_ready) for path in versions),
        *(Route(path + "/infer", _infer, methods=["POST"]) for path in versions),
    ]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


async def _server(request: Request) -> Response:
    version = _service(request).settings["zoo_compress"]
    return JSONResponse(
        {"name": "zoo-compress", "version": version, "extensions": ["binary_tensor_data"]}
    )


async def _live(_: Request) -> Response:
    return JSONResponse({"live": True})


async def _ready(request: Request) -> Response:
    ready = _service(request).model is not None
    return JSONResponse({"ready": ready}, status_code=200 if ready else 503)


async def _model_ready(request: Request) -> Response:
    model = _service(request).ready_model(request)
    return JSONResponse({"name": model.name, "ready": True})


async def _metadata(request: Request) -> Response:
    model = _service(request).ready_model(request)
    return JSONResponse(
        {
            "name": model.name,
            "versions": [VERSION],
            "platform": "onnxruntime_onnx",
            "inputs": [tensor.metadata() for tensor in model.inputs],
            "outputs": [tensor.metadata() for tensor in model.outputs],
        }
    )


async def _infer(request: Request) -> Response:
    service = _service(request)
    model = service.ready_model(request)
    body = await _body(request, int(service.settings["most_bytes"]))
    header = _header(request, len(body))

    def answer() -> tuple[bytes, int | None]:
        asked = read_request(body, header, model.inputs, model.outputs)
        arrays = model.run(asked.inputs, [wanted.name for wanted in asked.outputs])
        return write_response(model.name, asked, arrays, model.outputs)

    content, length = await anyio.to_thread.run_sync(answer, limiter=service.turns)
    if length is None:
        return Response(content, media_type="application/json")
    headers = {HEADER: str(length)}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def _body(request: Request, most: int) -> bytes:
    if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
        raise RequestError(f"content encoding '{encoding}' is not supported", status=415)
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise RequestError(f"the request has more than {most} bytes", status=413)
        parts.append(part)
    return b"".join(parts)


def _header(request: Request, size: int) -> int | None:
    text = request.headers.get(HEADER)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= size):
        raise RequestError(f"{HEADER} is '{text}', but the request has {size} bytes")
    return int(text)


async def _refused(_: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, RequestError) else 500
    return JSONResponse({"error": str(error)}, status_code=status)


async def _unknown_route(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    told = f"{request.method} {request.url.path} is no route of the Open Inference Protocol"
    return JSONResponse({"error": told}, status_code=status)

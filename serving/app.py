"""The routes of the Open Inference Protocol, version 2."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .errors import RequestError
from .model import Model
from .request import read_request
from .response import VERSION, write_response
from .service import Service

HEADER = "Inference-Header-Content-Length"
"""Says how many bytes of a body are JSON, where tensors follow as bytes."""


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


def _ready_model(request: Request) -> Model:
    return _service(request).ready_model(**request.path_params)


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
    model = _ready_model(request)
    return JSONResponse({"name": model.name, "ready": True})


async def _metadata(request: Request) -> Response:
    model = _ready_model(request)
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
    model = _ready_model(request)
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

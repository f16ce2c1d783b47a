# SPDX-License-Identifier: GPL-2.0-only
"""One KME's side of ETSI GS QKD 014 V1.1.1, and the servers of several."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from pybridge.kms.keys import KEY_SIZE_BITS, KeyDesk, KeyRefused

MAX_BODY_BYTES = 65536
HEADERS = {"Cache-Control": "no-store"}


def make_app(kme: str, desk: KeyDesk) -> Starlette:
    """The web application of one KME."""

    async def status(request: Request) -> Response:
        return JSONResponse(desk.status(kme, _sae(request), request.path_params["sae"]), headers=HEADERS)

    async def enc_keys(request: Request) -> Response:
        wish = await _parameters(request, {"number": int, "size": int})
        if wish.get("additional_slave_SAE_IDs"):
            raise KeyRefused(400, "additional_slave_SAE_IDs are not supported: max_SAE_ID_count is 0")
        if wish.get("extension_mandatory"):
            raise KeyRefused(400, "not all extension_mandatory parameters are supported")
        number, size = wish.get("number", 1), wish.get("size", KEY_SIZE_BITS)
        return _container(await desk.encrypt(kme, _sae(request), request.path_params["sae"], number, size))

    async def dec_keys(request: Request) -> Response:
        wish = await _parameters(request, {"key_ID": str})
        if request.method == "GET":
            key_ids = [wish["key_ID"]] if "key_ID" in wish else []
        else:
            listed = wish.get("key_IDs", [])
            if not isinstance(listed, list) or not all(
                isinstance(item, dict) and isinstance(item.get("key_ID"), str) for item in listed
            ):
                raise KeyRefused(400, "key_IDs shall be a list of objects with a key_ID")
            key_ids = [item["key_ID"] for item in listed]
        return _container(desk.decrypt(kme, _sae(request), request.path_params["sae"], key_ids))

    return Starlette(
        routes=[
            Route("/api/v1/keys/{sae}/status", status, methods=["GET"]),
            Route("/api/v1/keys/{sae}/enc_keys", enc_keys, methods=["GET", "POST"]),
            Route("/api/v1/keys/{sae}/dec_keys", dec_keys, methods=["GET", "POST"]),
        ],
        exception_handlers={KeyRefused: _refused, HTTPException: _no_such, Exception: _failed},
    )


def _sae(request: Request) -> str:
    return str(getattr(request.state, "sae", ""))


def _container(keys: list[tuple[str, bytes]]) -> Response:
    listed = [{"key_ID": key_id, "key": base64.b64encode(key).decode()} for key_id, key in keys]
    return JSONResponse({"keys": listed}, headers=HEADERS)


async def _parameters(request: Request, queried: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
    """What a GET says in its query, or a POST in its JSON body.

    Raises:
        KeyRefused: it is oversize, malformed or of the wrong type.
    """
    if request.method == "GET":
        wish: dict[str, Any] = {}
        for name, text in request.query_params.multi_items():
            if name not in queried or name in wish:
                raise KeyRefused(400, f"GET takes {' and '.join(queried)} only, once each; use POST for more")
            try:
                wish[name] = queried[name](text)
            except ValueError as error:
                raise KeyRefused(400, f"{name} shall be a whole number") from error
        return wish
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise KeyRefused(400, f"the request body is longer than {MAX_BODY_BYTES} bytes")
    try:
        wish = json.loads(body) if body else {}
    except (ValueError, RecursionError) as error:
        raise KeyRefused(400, "the request body is not JSON in UTF-8") from error
    if not isinstance(wish, dict):
        raise KeyRefused(400, "the request body shall be a JSON object")
    for name in ("number", "size"):
        if name in wish and (not isinstance(wish[name], int) or isinstance(wish[name], bool)):
            raise KeyRefused(400, f"{name} shall be a whole number")
    return wish


def _error(status: int, message: str, details: list[dict[str, str]] | None = None) -> Response:
    body: dict[str, Any] = {"message": message}
    if details:
        body["details"] = details
    return JSONResponse(body, status, headers=HEADERS)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, KeyRefused)
    return _error(error.status, error.message, error.details)


async def _no_such(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _error(error.status_code, "no such method or path; see ETSI GS QKD 014 V1.1.1, clause 5")


async def _failed(request: Request, error: Exception) -> Response:
    return _error(503, "the KME has failed")


class _ClientProtocol(H11Protocol):
    """Tells the application who the client is: the common name of its certificate, which TLS has verified."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert") or {}
        names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
        self.app_state = {**self.app_state, "sae": names[0] if len(names) == 1 else ""}


class _Server(uvicorn.Server):
    """One of several in a process, which looks after signals itself."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves signals alone."""
        yield


def make_server(kme: str, desk: KeyDesk, certificates: Path) -> uvicorn.Server:
    """A server of one KME.

    Args:
        certificates: a folder made by `qntn kms certs`: ca.crt, KME.crt, KME.key.

    Raises:
        FileNotFoundError: a certificate is missing.
    """
    files = {name: certificates / name for name in ("ca.crt", f"{kme}.crt", f"{kme}.key")}
    for file in files.values():
        if not file.exists():
            raise FileNotFoundError(f"{file} is missing; make it with: qntn kms certs {certificates} --kme {kme}")
    config = uvicorn.Config(
        make_app(kme, desk),
        http=_ClientProtocol,
        lifespan="off",
        access_log=False,  # key ids stay out of logs
        log_level="error",
        server_header=False,
        ssl_ca_certs=str(files["ca.crt"]),
        ssl_certfile=str(files[f"{kme}.crt"]),
        ssl_keyfile=str(files[f"{kme}.key"]),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
        timeout_graceful_shutdown=2,
    )
    config.load()
    assert config.ssl is not None
    config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return _Server(config)


@contextlib.asynccontextmanager
async def serving(
    servers: Mapping[str, uvicorn.Server], host: str, ports: Mapping[str, int]
) -> AsyncIterator[dict[str, int]]:
    """Runs servers by KME for the time of the block; yields the port of each, a free one where 0 was asked."""
    sockets = {kme: socket.create_server((host, ports[kme]), backlog=1024) for kme in servers}
    tasks: list[Awaitable[None]] = []
    try:
        tasks = [asyncio.create_task(server.serve([sockets[kme]])) for kme, server in servers.items()]
        while not all(server.started for server in servers.values()):
            await asyncio.sleep(0.01)
        yield {kme: sockets[kme].getsockname()[1] for kme in servers}
    finally:
        for server in servers.values():
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)
        for listening in sockets.values():
            listening.close()

"""Around every request: its id, a bound on its body, empty fields left out, a line in the log.

Plain ASGI, because the usual middleware passes every chunk of an endless stream through a queue.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gb28181.errors import PlatformError
from gb28181.telemetry import events as ev
from gb28181.telemetry.events import Level
from gb28181.telemetry.logs import get_logger

log = get_logger("api")


class Observe:
    """Middleware of the application."""

    def __init__(
        self, app: ASGIApp, max_body: int, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._larger = tuple((larger or {}).items())
        """Beginnings of paths that take more; what follows there is a secret and not logged."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, received = time.monotonic(), 0, 0
        most = self._most(scope["path"])
        request_id = secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        if b"=&" in scope["query_string"] or scope["query_string"].endswith(b"="):
            # `?online=&q=`: forms send every field; an empty one asks for nothing.
            pairs = scope["query_string"].split(b"&")
            scope["query_string"] = b"&".join(pair for pair in pairs if not pair.endswith(b"="))

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise PlatformError("too_large", "the body of the request is too large", 413)
            return message

        async def marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        try:
            await self._app(scope, bounded, marked)
        finally:
            if log.is_enabled(Level.DEBUG):
                client = scope.get("client")
                log.event(
                    ev.API_REQUEST,
                    method=scope["method"],
                    path=self._shown(scope["path"]),
                    status=status,
                    duration_ms=round((time.monotonic() - started) * 1000),
                    request_id=request_id,
                    remote=client[0] if client else None,
                )

    def _most(self, path: str) -> int:
        for beginning, most in self._larger:
            if path.startswith(beginning):
                return most
        return self._max_body

    def _shown(self, path: str) -> str:
        for beginning, _ in self._larger:
            if path.startswith(beginning):
                return beginning
        return path

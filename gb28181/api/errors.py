"""One shape for every refusal.

``{"error": {code, message, leg, sip_status, detail, request_id}}``
"""

from __future__ import annotations

import secrets
from typing import Any

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from gb28181.errors import PlatformError
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger

log = get_logger("api")

_CODES = {
    400: "bad_request",
    401: "unauthorised",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "bad_input",
    503: "unavailable",
}


def request_id_of(connection: HTTPConnection) -> str:
    """The id of this request, made at its first use; it stands in the answer and in the log."""
    state = connection.state
    found: str | None = getattr(state, "request_id", None)
    if found is None:
        found = secrets.token_hex(8)
        state.request_id = found
    return found


def error_response(connection: HTTPConnection, error: PlatformError) -> JSONResponse:
    """The answer that tells ``error``."""
    headers = {"WWW-Authenticate": "Bearer"} if error.http_status == 401 else None
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "leg": error.leg.value if error.leg else None,
            "sip_status": error.sip_status,
            "detail": jsonable_encoder(error.detail),
            "request_id": request_id_of(connection),
        }
    }
    return JSONResponse(body, error.http_status, headers)


def install(app: FastAPI) -> None:
    """Give the application its handlers of exceptions."""

    @app.exception_handler(PlatformError)
    async def refused(request: Request, error: PlatformError) -> Response:
        return error_response(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [
            {"where": ".".join(str(part) for part in problem["loc"]), "what": problem["msg"]}
            for problem in error.errors()
        ]
        detail: dict[str, Any] = {"problems": problems}
        message = "; ".join(f"{p['where']}: {p['what']}" for p in problems)[:500]
        return error_response(request, PlatformError("bad_input", message, 422, detail=detail))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _CODES.get(error.status_code, f"http_{error.status_code}")
        response = error_response(
            request, PlatformError(code, str(error.detail), error.status_code)
        )
        for name, value in (error.headers or {}).items():
            response.headers[name] = value
        return response

    @app.exception_handler(Exception)
    async def defect(request: Request, error: Exception) -> Response:
        log.event(
            ev.API_REQUEST_FAILED,
            method=request.method,
            path=request.url.path,
            reason=type(error).__name__,
            request_id=request_id_of(request),
            exc_info=error,
        )
        return error_response(
            request, PlatformError("internal", "a defect of the platform; see its log", 500)
        )

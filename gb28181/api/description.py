"""The OpenAPI description completed: what holds for every call is said once, not at each route.

FastAPI describes its own form of a refusal, which this API does not use, and knows nothing of the
guards. Here every refusal gets its true form, and every call names the credentials it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, Field

from gb28181.errors import Leg

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "of POST /api/v1/auth/token"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "ticket": {"type": "apiKey", "in": "query", "name": "ticket"},
}
_LOGIN = "/api/v1/auth/token"
_OPEN_FROM_LOOPBACK = "/metrics"
_STREAMS = ("/live/", "/play/")
_REF = "#/components/schemas/"
_UNUSED = ("HTTPValidationError", "ValidationError")


class ErrorBody(BaseModel):
    """Why a call was refused."""

    code: str = Field(description="for programs; stays as it is")
    message: str = Field(description="for people; may change")
    leg: Leg | None = Field(description="the step of a pull that failed")
    sip_status: int | None = Field(description="the device's own status, where there was one")
    detail: Any = Field(description="further facts, depending on the code")
    request_id: str = Field(description="also in the header X-Request-ID and in the log")


class Error(BaseModel):
    """The one form of every refusal."""

    error: ErrorBody


def install(app: FastAPI) -> None:
    """Let the application describe itself completely."""
    plain: Callable[[], dict[str, Any]] = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def _completed(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {})
    components["securitySchemes"] = SCHEMES
    models = components.setdefault("schemas", {})
    error = Error.model_json_schema(ref_template=_REF + "{model}")
    models |= error.pop("$defs") | {"Error": error}
    for name in _UNUSED:
        models.pop(name, None)
    for path, item in schema["paths"].items():
        credentials = _credentials(path)
        for operation in item.values():
            if credentials:
                operation["security"] = credentials
            _refusals(operation, closed=bool(credentials))
    return schema


def _credentials(path: str) -> list[dict[str, list[str]]]:
    """Each entry is one sufficient way; an empty one means that none may be needed."""
    any_user: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]
    if path.startswith(_STREAMS):
        return [*any_user, {"ticket": []}]
    if path == _OPEN_FROM_LOOPBACK:
        return [*any_user, {}]
    return any_user if path.startswith("/api/") and path != _LOGIN else []


def _refusals(operation: dict[str, Any], *, closed: bool) -> None:
    answers = operation["responses"]
    content = {"application/json": {"schema": {"$ref": _REF + "Error"}}}
    if closed:
        answers.setdefault("401", {"description": "Credentials are missing or wrong"})
        answers.setdefault("403", {"description": "The account may not do that"})
    answers["default"] = {"description": "Any other refusal"}
    for status, answer in answers.items():
        ours = "schema" in answer.get("content", {}).get("application/json", {}) and status != "422"
        if status == "default" or (status[0] in "45" and not ours):
            answer["content"] = content

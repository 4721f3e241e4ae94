"""What `/openapi.json` promises: the true form of refusals, and which credentials a call takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from config.schema import Settings
from gb28181.api.application import create_app

NONE_NEEDED = {"POST /api/v1/auth/token", "GET /healthz", "GET /readyz"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    bare = SimpleNamespace(version="0", settings=Settings(), store=None)
    return create_app(cast(Any, bare)).openapi()


def operations(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    names = set(re.findall(r"'#/components/schemas/([^']+)'", str(schema)))
    assert "Error" in names
    assert names <= set(schema["components"]["schemas"])


def test_refusals_have_the_form_of_the_contract(schema: dict[str, Any]) -> None:
    models = schema["components"]["schemas"]
    assert list(models["ErrorBody"]["properties"]) == [
        "code", "message", "leg", "sip_status", "detail", "request_id",
    ]  # fmt: skip
    assert "HTTPValidationError" not in models
    for name, operation in operations(schema):
        for status, answer in operation["responses"].items():
            if status[0] in "45d" and name != "GET /readyz":
                assert answer["content"]["application/json"]["schema"] == {
                    "$ref": "#/components/schemas/Error"
                }, f"{name} {status}"


def test_every_call_names_its_credentials(schema: dict[str, Any]) -> None:
    open_calls = {name for name, operation in operations(schema) if "security" not in operation}
    assert open_calls == NONE_NEEDED
    found = dict(operations(schema))
    assert found["GET /api/v1/devices"]["security"] == [{"bearer": []}, {"api_key": []}]
    assert {"ticket": []} in found["GET /live/{channel_id}.flv"]["security"]
    assert {} in found["GET /metrics"]["security"]


def test_operations_are_named_once(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for _name, operation in operations(schema)]
    assert len(names) == len(set(names))

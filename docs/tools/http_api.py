"""The reference page of the HTTP API, from the OpenAPI description the application serves."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

from fastapi.routing import APIRoute

from config.schema import Settings
from docs.tools import bus_events
from docs.tools.tables import table
from gb28181 import api
from gb28181.api import guard
from gb28181.api.application import create_app

METHODS = ("get", "post", "put", "patch", "delete")
ROLES = {guard.viewer: "viewer", guard.operator: "operator", guard.admin: "admin"}

TITLES = {
    "auth": "Logging in",
    "devices": "Devices",
    "tree": "Tree",
    "channels": "Channels",
    "live": "Live pictures",
    "forwards": "Sending pictures on",
    "sessions": "Sessions",
    "device questions": "Asking devices",
    "camera control": "Moving cameras",
    "device control": "Commanding devices",
    "device settings": "Settings of devices",
    "snapshots": "Pictures on demand",
    "talks": "Speech to devices",
    "system": "System",
}

HEAD = """\
# HTTP API

<!-- Made by `make reference` from the OpenAPI description of the application. -->

The running platform serves the same as OpenAPI at `/openapi.json` and as a page to try it on at
`/docs`. How the streams are opened is on the [page of streams](streams.md), what a refusal looks
like on the [page of errors](error-codes.md).

- JSON in snake_case; times are ISO 8601 with zone; lists are `{items, total}` with `limit`
  (50, at most 1000) and `offset`, and `total` ignores both.
- `POST /api/v1/auth/token` with the form fields `username` and `password` answers an
  `access_token` for `Authorization: Bearer`. Other software better uses an API key
  (`gb28181 user key NAME`) in the header `X-API-Key`.
- Roles: `viewer` looks, `operator` may also pull, query and end, `admin` may also change what
  exists. Each may do what those before it may.
- Every answer carries `X-Request-ID`, which finds it in the log.

```sh
TOKEN=$(curl -s http://127.0.0.1:8080/api/v1/auth/token -d username=admin -d password=... |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
curl -s http://127.0.0.1:8080/api/v1/tree -H "Authorization: Bearer $TOKEN"
curl -s http://127.0.0.1:8080/api/v1/channels/64010400001310000001/live -X POST \\
     -H "Authorization: Bearer $TOKEN"
```
"""


def page() -> str:
    schema = _schema()
    shown: dict[str, str] = {}
    parts = [HEAD]
    for tag, operations in _by_tag(schema).items():
        parts += [f"## {TITLES.get(tag, tag.capitalize())}", ""]
        for method, path, operation in operations:
            parts += _operation(schema, method, path, operation, shown)
    parts.append(bus_events.section())
    return "\n".join(parts).rstrip("\n") + "\n"


def _schema() -> dict[str, Any]:
    bare = SimpleNamespace(version="0", settings=Settings(), store=None)
    return create_app(cast(Any, bare)).openapi()


def _by_tag(schema: dict[str, Any]) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in schema["paths"].items():
        for method in METHODS:
            if method in item:
                tag = (item[method].get("tags") or ["other"])[0]
                found.setdefault(tag, []).append((method, path, item[method]))
    return found


def _operation(
    schema: dict[str, Any],
    method: str,
    path: str,
    operation: dict[str, Any],
    shown: dict[str, str],
) -> list[str]:
    """One call; an answer that was `shown` at another call is not written out again."""
    text = " ".join((operation.get("description") or "").replace("``", "`").split())
    role = _roles().get((method.upper(), path), "none" if not path.startswith("/live/") else "")
    status, answer = _answer(operation)
    facts = [f"Role: {role}." if role else "A ticket or any role."]
    if status != "200":
        facts.append(f"Status {status}.")
    lines = [f"### {method.upper()} {path}", "", text, "", " ".join(facts), ""]
    rows = [*_parameters(schema, operation), *_body(schema, operation)]
    if rows:
        lines.append(table(("Given", "Where", "Type", "Meaning"), rows))
    fields = _fields(schema, answer)
    first = shown.setdefault(str(answer), f"{method.upper()} {path}")
    if fields and first != f"{method.upper()} {path}":
        lines += [f"Answer: as `{first}`.", ""]
    elif fields:
        lines += ["Answer: " + ", ".join(fields) + ".", ""]
    return lines


def _parameters(
    schema: dict[str, Any], operation: dict[str, Any]
) -> Iterator[tuple[str, str, str, str]]:
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "header":
            continue
        given = parameter.get("schema", {})
        words = parameter.get("description") or given.get("description") or ""
        yield f"`{parameter['name']}`", parameter["in"], _type(_resolved(schema, given)), words


def _body(schema: dict[str, Any], operation: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        where = "form" if "form" in kind else "body"
        model = _resolved(schema, content.get("schema", {}))
        for name, field in model.get("properties", {}).items():
            must = " (needed)" if name in model.get("required", ()) else ""
            inner = _resolved(schema, field)
            words = field.get("description") or inner.get("description") or ""
            yield f"`{name}`{must}", where, _type(inner), words


def _answer(operation: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            content = response.get("content", {}).get("application/json", {})
            return status, content.get("schema", {})
    return "200", {}


def _fields(schema: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Names of an answer's fields, those of inner objects in braces."""
    model = _resolved(schema, found)
    names = []
    for name, field in model.get("properties", {}).items():
        inner = _resolved(schema, field)
        items = _resolved(schema, inner.get("items", {}))
        below = _fields(schema, inner) or _fields(schema, items)
        brackets = "[]" if inner.get("type") == "array" else ""
        plain = [part.strip("`") for part in below]
        names.append(f"`{name}{brackets}{'{' + ', '.join(plain) + '}' if plain else ''}`")
    return names


def _resolved(schema: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Follows `$ref`, and takes the only member of `X or null` that is not null."""
    if "$ref" in found:
        return _resolved(schema, schema["components"]["schemas"][found["$ref"].rpartition("/")[2]])
    members = [m for m in found.get("anyOf", found.get("allOf", ())) if m.get("type") != "null"]
    return _resolved(schema, members[0]) if len(members) == 1 else found


def _type(schema: dict[str, Any]) -> str:
    members = [m for m in schema.get("anyOf", ()) if m.get("type") != "null"]
    if members:
        return " or ".join(_type(member) for member in members)
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    words = str(schema.get("format") or schema.get("type") or "")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words += f", {low:g} to {high:g}"
    if schema.get("default") not in (None, ""):
        words += f", default `{schema['default']}`"
    return words


@functools.cache
def _roles() -> dict[tuple[str, str], str]:
    """Who may call what, read from the guards of the routes."""
    found: dict[tuple[str, str], str] = {}
    for module in pkgutil.iter_modules(api.__path__):
        router = getattr(importlib.import_module(f"{api.__name__}.{module.name}"), "router", None)
        for route in getattr(router, "routes", ()):
            if isinstance(route, APIRoute):
                asked = [ROLES[d.call] for d in route.dependant.dependencies if d.call in ROLES]
                for method in route.methods:
                    if asked:
                        found[method, route.path] = asked[0]
    return found

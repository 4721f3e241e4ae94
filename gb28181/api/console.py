"""The console: static files built from ``web/`` into the wheel, and its one page for every path."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

STATIC = Path(__file__).parent / "static"
NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>GB/T 28181</title>"
    "<p>控制台未构建。The console is not built; see docs/start. API: <a href=/docs>/docs</a>"
)

router = APIRouter(include_in_schema=False)


@router.api_route("/api/{path:path}", methods=["POST", "PUT", "PATCH", "DELETE"])
async def unknown_call(request: Request, path: str) -> Response:
    """The page below takes every GET; without this, other methods would be told 405 for it."""
    others = (route for route in request.app.routes if getattr(route, "endpoint", None) != page)
    known = any(route.matches(request.scope)[0] is Match.PARTIAL for route in others)
    raise HTTPException(405 if known else 404, "no such call")


@router.get("/{path:path}")
async def page(path: str) -> Response:
    """A built file, else the page itself: its router reads the address."""
    if path.startswith(("api/", "live/")):
        raise HTTPException(404, "no such call")
    index = STATIC / "index.html"
    if not index.is_file():
        return HTMLResponse(NOT_BUILT)
    wanted = (STATIC / path).resolve()
    if path and wanted.is_relative_to(STATIC) and wanted.is_file():
        # Vite puts a hash into the names below assets/: those never change.
        cache = "public, max-age=31536000, immutable" if "assets/" in path else "no-cache"
        return FileResponse(wanted, headers={"Cache-Control": cache})
    if "." in path.rpartition("/")[2]:
        raise HTTPException(404, "no such file")
    return FileResponse(index, headers={"Cache-Control": "no-cache"})

"""The console: static files built from ``web/`` into the wheel, and its one page for every path."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.exceptions import HTTPException

STATIC = Path(__file__).parent / "static"
NOT_BUILT = (
    "<!doctype html><meta charset=utf-8><title>GB/T 28181</title>"
    "<p>控制台未构建。The console is not built; see docs/start. API: <a href=/docs>/docs</a>"
)

router = APIRouter(include_in_schema=False)


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

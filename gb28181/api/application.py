"""The FastAPI application of one node: its routes, its errors, and what stands around them."""

from __future__ import annotations

from fastapi import FastAPI

from . import (
    alarms,
    auth,
    channels,
    console,
    devices,
    errors,
    live,
    positions,
    recordings,
    sessions,
    subscriptions,
    system,
    tree,
)
from . import events as event_socket
from . import trace as tracing
from .guard import PrincipalCache
from .observe import Observe
from .platform import Platform

DESCRIPTION = (
    "GB/T 28181 platform: devices, the tree of the region, live pictures, sessions and events. "
    "Lists are {items, total}; errors are {error: {code, message, leg, sip_status, detail, "
    "request_id}}; times are ISO 8601 with zone."
)


def create_app(platform: Platform) -> FastAPI:
    """Everything HTTP, around the services of one node."""
    app = FastAPI(
        title="gb28181",
        version=platform.version,
        description=DESCRIPTION,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
    )
    app.state.platform = platform
    app.state.principals = PrincipalCache(platform.store)
    errors.install(app)
    for module in (
        auth,
        devices,
        tree,
        channels,
        live,
        recordings,
        alarms,
        positions,
        subscriptions,
        sessions,
        event_socket,
        system,
        console,
    ):
        app.include_router(module.router)
    app.include_router(tracing.router)
    app.add_middleware(Observe, max_body=platform.settings.http.max_body)
    return app

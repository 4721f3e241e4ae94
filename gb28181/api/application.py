"""The FastAPI application of one node: its routes, its errors, and what stands around them."""

from __future__ import annotations

from fastapi import FastAPI

from . import (
    alarms,
    auth,
    bulk,
    channels,
    conformance,
    console,
    description,
    device_config,
    devices,
    downloads,
    errors,
    films,
    forwards,
    hls,
    live,
    microphones,
    nodes,
    positions,
    ptz,
    pushes,
    questions,
    recording,
    recording_plans,
    recordings,
    sessions,
    snapshots,
    sources,
    streams,
    subscriptions,
    system,
    talks,
    tree,
    viewers,
    voices,
    whep,
)
from . import (
    control as device_control,
)
from . import events as event_socket
from . import trace as tracing
from . import why as reasons
from .guard import PrincipalCache
from .hls_sessions import HlsSessions
from .observe import Observe
from .platform import Platform

MULTIPART_FRAME = 65_536
"""What a multipart upload has around its file."""

MODULES = (
    auth,
    bulk,
    devices,
    downloads,
    tree,
    channels,
    questions,
    ptz,
    device_control,
    device_config,
    snapshots,
    live,
    forwards,
    pushes,
    recordings,
    recording_plans,
    recording,
    films,
    hls,
    whep,
    streams,
    talks,
    microphones,
    voices,
    alarms,
    positions,
    subscriptions,
    sessions,
    sources,
    viewers,
    nodes,
    tracing,
    conformance,
    reasons,
    event_socket,
    system,
    console,
)
"""In the order their routes are tried."""

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
    app.state.hls = HlsSessions()
    app.state.principals = PrincipalCache(platform.store)
    errors.install(app)
    description.install(app)
    for module in MODULES:
        app.include_router(module.router)
    speech = platform.settings.talk.file_size + MULTIPART_FRAME
    pictures = platform.settings.control.snapshot_bytes + MULTIPART_FRAME
    app.add_middleware(
        Observe,
        max_body=platform.settings.http.max_body,
        larger={
            snapshots.UPLOAD_PATH: pictures,
            bulk.IMPORT_PATH: bulk.MOST_BODY,
            voices.VOICES_PATH: speech,
        },
    )
    return app

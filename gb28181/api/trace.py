"""SIP on record: captures of a device, ladders of calls, as JSON and as pcap."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from catalog.ids import is_gb_id
from gb28181.errors import Busy, NotFound
from gb28181.trace.ladder import rungs
from gb28181.trace.pcap import MEDIA_TYPE, pcap
from gb28181.trace.recorder import Capture, Ring, TooManyCaptures
from gb28181.trace.target import Target
from sip.flow import Address, host_port

from .guard import Operator
from .paging import Offset
from .platform import Here, Platform

router = APIRouter(prefix="/api/v1", tags=["trace"])

LONGEST_S = 3600


class TraceIn(BaseModel):
    """How long to record, and what besides the device's own messages."""

    model_config = ConfigDict(extra="forbid")

    seconds: int = Field(60, ge=1, le=LONGEST_S)
    address: str | None = Field(
        None, max_length=64, description="also everything to and from this host or host:port"
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            _address_of(value)
        return value


class RungOut(BaseModel):
    """One message; `text` holds all of it, without secrets."""

    at: datetime
    offset_ms: float
    direction: str
    transport: str
    local: str
    remote: str
    size: int
    summary: str
    method: str | None
    status: int | None
    call_id: str | None
    cseq: int | None
    command: str | None
    text: str | None = None


class LadderOut(BaseModel):
    """Messages in their order; `dropped` older ones had to make room."""

    items: list[RungOut]
    total: int
    dropped: int


class TraceOut(LadderOut):
    """A capture: running or over, and what it holds."""

    device_id: str
    running: bool
    started_at: datetime
    ends_at: datetime
    address: str | None


class CallOut(LadderOut):
    """The ladder of one call."""

    session_id: str
    call_id: str


Most = Query(1000, ge=1, le=1000, description="at most this many messages")
WithText = Query(True, description="false: without the messages themselves")


@router.post("/devices/{device_id}/trace", status_code=201)
async def start(
    platform: Here, _: Operator, device_id: str, asked: TraceIn | None = None
) -> TraceOut:
    """Record the SIP of a device from now on. A 20-digit id that never came may be named, too:
    that is how one sees why it does not come."""
    asked = asked or TraceIn()
    devices = platform.devices
    if devices.device(device_id) is None and not is_gb_id(device_id):
        raise NotFound("device", device_id)

    def codes() -> Any:
        device = devices.device(device_id)
        return () if device is None else device.items

    def place() -> Address | None:
        flow = devices.flow_of(device_id)
        return None if flow is None else flow.remote

    address = None if asked.address is None else _address_of(asked.address)
    try:
        capture = platform.recorder.start(
            Target(device_id, codes, place, address), float(asked.seconds)
        )
    except TooManyCaptures as error:
        raise Busy("trace_busy", str(error)) from error
    return _shown(platform, capture, 0, 0, text=False)


@router.get("/devices/{device_id}/trace")
async def trace(
    platform: Here,
    _: Operator,
    device_id: str,
    text: bool = WithText,
    limit: int = Most,
    offset: Offset = 0,
) -> TraceOut:
    """The running or last capture of a device, as a ladder."""
    return _shown(platform, _capture(platform, device_id), limit, offset, text=text)


@router.delete("/devices/{device_id}/trace")
async def stop(platform: Here, _: Operator, device_id: str) -> TraceOut:
    """End a capture; it can be read until others need its room."""
    capture = _capture(platform, device_id)
    platform.recorder.stop(device_id)
    return _shown(platform, capture, 0, 0, text=False)


@router.get("/devices/{device_id}/trace.pcap", response_class=Response)
async def trace_pcap(platform: Here, _: Operator, device_id: str) -> Response:
    """The capture for Wireshark: real addresses, made-up layers below SIP."""
    return _file(_capture(platform, device_id).ring, f"trace-{device_id}")


@router.get("/sessions/{session_id}/ladder")
async def ladder(platform: Here, _: Operator, session_id: str, text: bool = WithText) -> CallOut:
    """The SIP of a call. That of the last calls is always kept, nobody has to ask before."""
    call_id, ring = _call(platform, session_id)
    frames = ring.frames()
    return CallOut(
        session_id=session_id,
        call_id=call_id,
        items=[RungOut(**rung) for rung in rungs(frames, text=text)],
        total=len(frames),
        dropped=ring.dropped,
    )


@router.get("/sessions/{session_id}/ladder.pcap", response_class=Response)
async def ladder_pcap(platform: Here, _: Operator, session_id: str) -> Response:
    """The same for Wireshark."""
    return _file(_call(platform, session_id)[1], f"session-{session_id}")


def _capture(platform: Platform, device_id: str) -> Capture:
    capture = platform.recorder.capture(device_id)
    if capture is None:
        raise NotFound("trace", device_id)
    return capture


def _call(platform: Platform, session_id: str) -> tuple[str, Ring]:
    call_id = platform.sessions.view(session_id).call_id
    ring = platform.recorder.call(call_id)
    if ring is None:
        raise NotFound("ladder", session_id)
    return call_id, ring


def _shown(
    platform: Platform, capture: Capture, limit: int, offset: int, *, text: bool
) -> TraceOut:
    frames = capture.ring.frames()
    target = capture.target
    address = None
    if target.address is not None:
        host, port = target.address
        address = host if port is None else host_port((host, port))
    # Offsets in time count from the first message kept, whichever page is shown.
    page = rungs(frames, text=text)[offset : offset + limit] if limit else []
    return TraceOut(
        device_id=target.device_id,
        running=platform.recorder.running(capture),
        started_at=datetime.fromtimestamp(capture.started_at, UTC),
        ends_at=datetime.fromtimestamp(capture.ends_at, UTC),
        address=address,
        items=[RungOut(**rung) for rung in page],
        total=len(frames),
        dropped=capture.ring.dropped,
    )


def _file(ring: Ring, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}.pcap"'}
    return Response(pcap(ring.frames()), media_type=MEDIA_TYPE, headers=headers)


def _address_of(text: str) -> tuple[str, int | None]:
    """`host`, `host:port` or `[v6]:port`; hosts are IP addresses, as packets know no names."""
    host, port = text.strip(), ""
    if host.startswith("["):
        host, _, port = host[1:].partition("]")
        port = port.removeprefix(":")
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    shown = str(ipaddress.ip_address(host))
    if not port:
        return shown, None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError("a port is a number from 1 to 65535")
    return shown, int(port)

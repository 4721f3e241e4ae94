"""Recorded messages as a ladder: one rung per message, for people and for a page that draws it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final

from gb28181.trace.frame import Frame
from sip.errors import ParseError
from sip.flow import host_port
from sip.message import Request, Response
from sip.parser import parse_datagram

_COMMAND: Final = re.compile(rb"<(Query|Control|Notify|Response)>.*?<CmdType>\s*(\w{1,40})", re.S)
_RTSP: Final = re.compile(rb"\A(PLAY|PAUSE|TEARDOWN)\b")


def rungs(frames: list[Frame], *, text: bool = True) -> list[dict[str, Any]]:
    """The messages in their order; `offset_ms` counts from the first."""
    first = frames[0].at if frames else 0.0
    return [_rung(frame, first, text) for frame in frames]


def _rung(frame: Frame, first: float, text: bool) -> dict[str, Any]:
    rung: dict[str, Any] = {
        "at": datetime.fromtimestamp(frame.at, UTC),
        "offset_ms": round((frame.at - first) * 1000, 1),
        "direction": "in" if frame.incoming else "out",
        "transport": frame.transport,
        "local": host_port(frame.local),
        "remote": host_port(frame.remote),
        "size": frame.size,
        **_content(frame.data),
    }
    if text:
        rung["text"] = readable(frame.data)
    return rung


def _content(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("method", "status", "call_id", "cseq", "command"))
    try:
        message = parse_datagram(data)
        method = message.method if isinstance(message, Request) else message.cseq.method
        found["cseq"] = message.cseq.number
    except ParseError as error:
        return {"summary": f"unreadable: {error}", **found}
    found["method"], found["call_id"] = method, message.headers.get("Call-ID")
    command = _COMMAND.search(message.body[:2000])
    if command is not None:
        found["command"] = f"{command[2].decode()} {command[1].decode()}"
    return {"summary": _summary(message, method, found["command"]), **found} | (
        {"status": message.status} if isinstance(message, Response) else {}
    )


def _summary(message: Request | Response, method: str, command: str | None) -> str:
    if isinstance(message, Response):
        return f"{message.status} {message.reason} ({method})"
    rtsp = _RTSP.match(message.body)
    what = command or (rtsp[1].decode() if rtsp else "")
    if method == "INVITE" and message.headers.get("Subject"):
        what = message.headers.get("Subject") or ""
    return f"{method} {what}".rstrip()


def readable(data: bytes) -> str:
    """The message as text: UTF-8 if it is, else GB 18030."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("gb18030", "replace")

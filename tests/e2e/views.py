"""Three views of what is open, which must agree: the API, the kernel, and the cameras.

`/api/v1/sessions` is what the platform says, its sockets in /proc/net are what it holds, the open
calls of the cameras are what it promised. A leak shows as a difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .camera import Camera, OpenCall
from .server import Server, wait_for


@dataclass(slots=True)
class Views:
    """One look at all three; `differences` is empty when they agree."""

    sessions: dict[str, dict[str, object]]
    calls: dict[str, OpenCall]
    ports: set[int]
    peers: set[tuple[str, int]]
    differences: list[str] = field(default_factory=list)


def look(server: Server, cameras: Iterable[Camera]) -> Views:
    sessions = {str(item["call_id"]): item for item in server.sessions()}
    calls = {call.call_id: call for camera in cameras for call in camera.open_calls()}
    media = server.ports.media
    ports, peers = set(), set()
    for sock in server.sockets():
        if sock.state not in ("udp", "listen", "established"):
            continue
        if sock.local[1] in media:
            ports.add(sock.local[1])
        if sock.state == "established":
            peers.add(sock.remote)
    views = Views(sessions, calls, ports, peers)
    views.differences = [*_calls_differ(views), *_ports_differ(views)]
    return views


def assert_three_views(server: Server, cameras: Iterable[Camera], timeout: float = 8.0) -> Views:
    """They may need a moment (a BYE on its way), but then they agree."""
    watched = list(cameras)
    last: list[Views] = []

    def agree() -> bool:
        last[:] = [look(server, watched)]
        return not last[0].differences

    try:
        wait_for(agree, "the three views agree", timeout=timeout, every=0.1)
    except AssertionError:
        raise AssertionError(
            "API, kernel and cameras disagree: " + "; ".join(last[0].differences)
        ) from None
    return last[0]


def _calls_differ(views: Views) -> list[str]:
    said, believed = set(views.sessions), set(views.calls)
    out = [f"session {one} is unknown to every camera" for one in sorted(said - believed)]
    return out + [f"a camera keeps call {one} the API lacks" for one in sorted(believed - said)]


def _ports_differ(views: Views) -> list[str]:
    wanted: set[int] = set()
    out = []
    for call_id, session in views.sessions.items():
        call = views.calls.get(call_id)
        active = session["transport"] == "tcp-active"
        confirmed = call is not None and call.confirmed
        if active and confirmed and call is not None and call.local not in views.peers:
            out.append(f"no connection to the camera's {call.local} for {call_id}")
        port = int(str(session["local"] or ":0").rpartition(":")[2])
        if port in views.ports or not active:
            wanted.add(port)
    # RTCP, where it is listened to, sits on the odd port above its stream.
    held = {port for port in views.ports if not (port % 2 and port - 1 in wanted)}
    out += [f"media port {port} is held by no session" for port in sorted(held - wanted)]
    return out + [f"session port {port} is not open" for port in sorted(wanted - views.ports)]

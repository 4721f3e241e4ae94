"""The three views on trial: each kind of leak must show as a difference, and agreement as none."""

from __future__ import annotations

import os
import socket

from . import processes
from .camera import OpenCall
from .views import Views, _calls_differ, _ports_differ


def session(transport: str = "udp", port: int = 30000) -> dict[str, object]:
    return {"transport": transport, "local": f"127.0.0.1:{port}"}


def call(transport: str = "udp", local: tuple[str, int] = ("127.0.0.1", 6000)) -> OpenCall:
    return OpenCall("c", "ch", transport, 1, ("127.0.0.1", 30000), local, True, True)


def differences(
    sessions: dict[str, dict[str, object]],
    calls: dict[str, OpenCall],
    ports: set[int],
    peers: set[tuple[str, int]] | None = None,
) -> list[str]:
    views = Views(sessions, calls, ports, peers or set())
    return [*_calls_differ(views), *_ports_differ(views)]


def test_agreement() -> None:
    assert differences({}, {}, set()) == []
    assert differences({"c": session()}, {"c": call()}, {30000}) == []
    assert differences({"c": session()}, {"c": call()}, {30000, 30001}) == []  # RTCP above it


def test_each_leak_shows() -> None:
    assert differences({"c": session()}, {}, {30000}) == ["session c is unknown to every camera"]
    assert differences({}, {"c": call()}, set()) == ["a camera keeps call c the API lacks"]
    assert differences({}, {}, {30004}) == ["media port 30004 is held by no session"]
    assert differences({}, {}, {30005}) == ["media port 30005 is held by no session"]
    assert differences({"c": session()}, {"c": call()}, set()) == ["session port 30000 is not open"]


def test_active_tcp_is_judged_by_its_connection() -> None:
    there = ("127.0.0.1", 6000)
    sessions, calls = {"c": session("tcp-active")}, {"c": call("tcp-active", there)}
    assert differences(sessions, calls, set(), {there}) == []
    (missing,) = differences(sessions, calls, set())
    assert missing.startswith("no connection to the camera's")


def test_sockets_are_found_by_inode() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        mine = [s for s in processes.sockets([os.getpid()]) if s.local == address]
        assert [(s.protocol, s.state) for s in mine] == [("tcp", "listen")]
        assert processes.sockets([1]) != mine
    assert [s for s in processes.sockets([os.getpid()]) if s.local == address] == []


def test_family_holds_the_process_itself() -> None:
    assert os.getpid() in processes.family(os.getpid())

"""``gb28181 demo``: the platform and simulated cameras of five cities, on this machine only.

The platform runs in this process, the cameras in one of their own that ends with this one, however
that ends. Everything listens on 127.0.0.1; a port in use is replaced by the next free one. Data and
logs lie in a fresh folder that is left behind: what somebody tried out is theirs to remove.

Nothing of the environment changes what is run, so that a demo never touches a real database; only
GB28181_ADMIN_PASSWORD and the wanted ports (GB28181_HTTP__PORT, GB28181_SIP__PORT) are heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from config.load import load_with_sources
from config.schema import Settings
from gb28181.app import App, Shown
from gb28181.store.errors import StoreError
from gb28181.telemetry import logs
from sip.errors import SipError, TransportFailed

HOST: Final = "127.0.0.1"
SERVER_LOG: Final = "platform.log"
SIMULATOR_LOG: Final = "simulator.log"
_FIRST_SIP, _FIRST_HTTP, _FIRST_RTSP, _FIRST_RTMP = 5060, 8080, 8554, 1935
_FIRST_MEDIA, _MEDIA_PORTS = 30000, 200
_TRIES: Final = 5
_CHILD_END_S: Final = 6.0
_READY_S: Final = 30.0
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
EXIT_FAILED: Final = 1


@dataclass(frozen=True, slots=True)
class _Secrets:
    admin: str
    device: str


class DemoFailed(Exception):
    """The demo cannot run; the text is for people."""


async def demo(devices: int, data_dir: Path | None) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; returns the exit code."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    try:
        folder = _fresh(data_dir)
        print(f"starting; data and logs in {folder}", flush=True)
        with (folder / SERVER_LOG).open("w", encoding="utf-8", buffering=1) as log:
            logs.setup("json", "info", stream=log)
            await _run(folder, devices, stop)
    except (DemoFailed, OSError, SipError, StoreError) as error:
        print(f"gb28181 demo: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(f"ended; data and logs stay in {folder}", flush=True)
    return 0


async def _run(folder: Path, devices: int, stop: asyncio.Event) -> None:
    keys = _Secrets(
        os.environ.get("GB28181_ADMIN_PASSWORD") or _readable(), secrets.token_urlsafe(12)
    )
    node = await _start(folder, keys)
    try:
        if stop.is_set():
            return
        async with _cameras(folder, devices, node.settings, keys.device) as child:
            await _ready(*node.http.bound)
            print(f"open      {node.http.url}", flush=True)
            print(f"user      admin\npassword  {keys.admin}", flush=True)
            print(f"log       {folder / SERVER_LOG}\nCtrl-C ends everything", flush=True)
            await _until(stop, child)
    finally:
        await node.aclose()


async def _until(stop: asyncio.Event, child: asyncio.subprocess.Process) -> None:
    """Until somebody stops us; raises DemoFailed when the cameras end by themselves."""
    stopped, ended = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(child.wait())
    try:
        await asyncio.wait({stopped, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            raise DemoFailed(f"the cameras ended with {child.returncode}; see {SIMULATOR_LOG}")
    finally:
        stopped.cancel()
        ended.cancel()
        await asyncio.gather(stopped, ended, return_exceptions=True)


# --- the platform --------------------------------------------------------------------------------


async def _start(folder: Path, keys: _Secrets) -> App:
    """The platform, on ports that are free; another program may take one between look and use."""
    for attempt in range(_TRIES):
        node = App(_settings(folder, keys), _show_nothing)
        try:
            await node.start()
        except (OSError, TransportFailed) as error:
            await node.aclose()
            if attempt + 1 == _TRIES or not _is_taken(error):
                raise
        except BaseException:
            await node.aclose()
            raise
        else:
            return node
    raise DemoFailed("no free ports")


def _settings(folder: Path, keys: _Secrets) -> Settings:
    sip = _free_port(_wanted("GB28181_SIP__PORT", _FIRST_SIP))
    http = _free_port(_wanted("GB28181_HTTP__PORT", _FIRST_HTTP), sip)
    rtsp = _free_port(_FIRST_RTSP, sip, http)
    rtmp = _free_port(_FIRST_RTMP, sip, http, rtsp)
    media = _free_block(_FIRST_MEDIA, sip, http, rtsp, rtmp)
    given = {
        "GB28181_DATA_DIR": str(folder),
        "GB28181_ADMIN_PASSWORD": keys.admin,
        "GB28181_SIP__HOST": HOST,
        "GB28181_SIP__PORT": str(sip),
        "GB28181_SIP__PASSWORD": keys.device,
        "GB28181_MEDIA__HOST": HOST,
        "GB28181_MEDIA__LISTEN_HOST": HOST,
        "GB28181_MEDIA__PORTS": f"{media}-{media + _MEDIA_PORTS - 1}",
        "GB28181_MEDIA__RTSP_PORT": str(rtsp),
        "GB28181_MEDIA__RTMP_PORT": str(rtmp),
        "GB28181_HTTP__HOST": HOST,
        "GB28181_HTTP__PORT": str(http),
    }
    return load_with_sources(None, given, search=()).settings


def _show_nothing(shown: Shown) -> None:
    """Every secret is ours already; nothing is generated."""


async def _ready(host: str, port: int) -> None:
    """Returns once /readyz answers 200."""
    async with asyncio.timeout(_READY_S):
        while True:
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n")
                answer = await reader.readline()
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
            if b" 200 " in answer:
                return
            await asyncio.sleep(0.1)


# --- the cameras ---------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _cameras(
    folder: Path, devices: int, settings: Settings, password: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The simulator as a process whose standard input we hold: it ends when we are gone."""
    command = [
        *(sys.executable, "-P", "-m", "gb28181", "simulate"),
        *("--devices", str(devices), "--server", f"{HOST}:{settings.sip.port}"),
        *("--server-id", settings.sip.id, "--domain", settings.sip.domain),
        *("--host", HOST, "--cache", str(folder / "cache")),
        *("--profile", "mixed", "--alarms", "2", "--moving", "0.1"),
        *("--prepare", "--until-stdin-closes"),
    ]
    with (folder / SIMULATOR_LOG).open("w", encoding="utf-8") as log:
        child = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**_without_settings(), "GB28181_SIP__PASSWORD": password},
            start_new_session=True,  # Ctrl-C is ours alone: cameras leave before the platform does
        )
    try:
        yield child
    finally:
        await _end(child)


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        child.terminate()
    try:
        await asyncio.wait_for(child.wait(), _CHILD_END_S)
    except TimeoutError:
        child.kill()
        await child.wait()


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("GB28181_")}


# --- folders, ports, passwords -------------------------------------------------------------------


def _fresh(wanted: Path | None) -> Path:
    """A folder with nothing in it."""
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="gb28181-demo-"))
    wanted.mkdir(parents=True, exist_ok=True)
    if any(wanted.iterdir()):
        raise DemoFailed(f"{wanted} is not empty, and a demo runs on fresh data")
    return wanted.resolve()


def _wanted(variable: str, default: int) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() and 0 < int(text) < 65536 else default


def _free_port(first: int, *given: int) -> int:
    """The first free port from `first` on that is not given away already."""
    for port in range(first, 65536):
        if port not in given and _are_free((port,)):
            return port
    raise DemoFailed(f"no free port from {first} on")


def _free_block(first: int, *given: int) -> int:
    """The start of the first free range for media from `first` on."""
    for start in range(first, 65536 - _MEDIA_PORTS, _MEDIA_PORTS):
        block = range(start, start + _MEDIA_PORTS)
        if not any(port in block for port in given) and _are_free(block):
            return start
    raise DemoFailed(f"no {_MEDIA_PORTS} free ports in a row from {first} on")


def _are_free(ports: Iterable[int]) -> bool:
    for port in ports:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as sock:
                if kind == socket.SOCK_STREAM:
                    # As the servers do it: a port that only waits for old connections is free.
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    sock.bind((HOST, port))
                except OSError:
                    return False
    return True


def _is_taken(error: BaseException) -> bool:
    cause = error.cause if isinstance(error, TransportFailed) else error
    return isinstance(cause, OSError) and cause.errno == errno.EADDRINUSE


def _readable() -> str:
    """A password people can type."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))

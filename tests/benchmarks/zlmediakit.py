"""The anchor of the field, where it is installed: ZLMediaKit with the same senders and viewers.

`ZLM_MEDIASERVER=/path/to/MediaServer make bench ARGS=zlmediakit`. It runs on ports of its own with
what the comparison does not need turned off, is fed the packets the platform was fed and is read by
the same viewers; each row's ratio says how much of its CPU the platform takes for the same work.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.ports import PortBlock
from tests.e2e.processes import cpu_seconds, family

from .child import Child, child
from .options import Options
from .product import product
from .relay import opened, pictures, ready
from .signalling import check
from .table import Row

PROGRAM = "ZLM_MEDIASERVER"
SECRET = "a-secret-of-thirty-two-characters"
START_S = 15.0
MODES = {"udp": 0, "tcp": 1}


def zlmediakit(options: Options) -> Iterator[Row]:
    """CPU per stream of both, one after the other, for each way in and number of viewers."""
    program = os.environ.get(PROGRAM, "")
    if not program:
        yield Row(work=f"left out: {PROGRAM} is not set", measured=0, unit="")
        return
    count = options.streams[0]
    for mode in options.modes:
        theirs = list(_theirs(options, program, mode, count))
        for viewers, ours in _ours(options, mode, count):
            anchor = dict(theirs)[viewers]
            yield Row(
                work=f"{count} streams {mode}, {viewers} FLV viewers each, per stream",
                measured=ours,
                unit="%",
                anchor=anchor,
                note=f"ZLMediaKit {anchor:.2f} %",
            )


def _ours(options: Options, mode: str, count: int) -> Iterator[tuple[int, float]]:
    with (
        product(SESSIONS__LINGER="3600", MEDIA__VIEWERS_PER_NODE="100000") as server,
        child("devices", str(server.ports.sip), "1", str(count)) as load,
        child("watchers") as watchers,
    ):
        load.ask("footage", **pictures(options))
        views = opened(server, ready(server, load, count), mode)
        urls = [str(view["urls"]["flv"]) for view in views]
        yield from _measured(options, urls, watchers, server.pid)


def _theirs(options: Options, program: str, mode: str, count: int) -> Iterator[tuple[int, float]]:
    with (
        media_server(program) as (api, process),
        child("devices", "9", "1", "1") as load,
        child("watchers") as watchers,
    ):
        load.ask("footage", **pictures(options))
        ports = [api.receive(f"bench{number}", MODES[mode]) for number in range(count)]
        load.ask("send_to", mode=mode, ports=ports)
        urls = [f"{api.url}/rtp/bench{number}.live.flv" for number in range(count)]
        yield from _measured(options, urls, watchers, process.pid)


def _measured(
    options: Options, urls: list[str], watchers: Child, pid: int
) -> Iterator[tuple[int, float]]:
    """Viewers of each, and % of a core per stream."""
    time.sleep(options.settle)
    for viewers in options.viewers:
        watchers.ask("open", urls=urls if viewers else [], each=viewers)
        time.sleep(options.settle)
        used, started = cpu_seconds(family(pid)), time.monotonic()
        time.sleep(options.seconds)
        used, took = cpu_seconds(family(pid)) - used, time.monotonic() - started
        seen = watchers.ask("counts")
        check(not viewers or seen["pictures"] > 0, "nothing was shown")
        watchers.ask("close")
        yield viewers, 100 * used / took / len(urls)


class Api:
    """The calls of its HTTP interface that are needed."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def call(self, name: str, **values: object) -> dict[str, Any]:
        query = urllib.parse.urlencode({"secret": SECRET, **values})
        with urllib.request.urlopen(f"{self.url}/index/api/{name}?{query}", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        check(found["code"] == 0, f"{name}: {found}")
        return found

    def receive(self, stream: str, tcp_mode: int) -> int:
        """A port that takes RTP for a stream of this name."""
        return int(self.call("openRtpServer", port=0, tcp_mode=tcp_mode, stream_id=stream)["port"])


@contextmanager
def media_server(program: str) -> Iterator[tuple[Api, subprocess.Popen[bytes]]]:
    folder, ports = Path(tempfile.mkdtemp(prefix="zlm-bench-")), PortBlock()
    config = folder / "config.ini"
    config.write_text(_config(ports.http))
    process = subprocess.Popen(
        [program, "-c", str(config)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    api = Api(ports.http)
    try:
        _wait(api, process)
        yield api, process
    finally:
        process.kill()
        process.wait()
        ports.close()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(api: Api, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while True:
        check(process.poll() is None, f"MediaServer ended with {process.returncode}")
        try:
            api.call("getServerConfig")
        except OSError:
            check(time.monotonic() < deadline, f"MediaServer is not there after {START_S} s")
            time.sleep(0.1)
        else:
            return


def _config(http_port: int) -> str:
    """FLV alone, nobody asked for permission, streams kept without viewers, no other listener."""
    return f"""[api]
secret={SECRET}
[http]
port={http_port}
sslport=0
[general]
streamNoneReaderDelayMS=86400000
[protocol]
enable_hls=0
enable_hls_fmp4=0
enable_mp4=0
enable_rtsp=0
enable_rtmp=1
enable_ts=0
enable_fmp4=0
rtmp_demand=0
[rtp_proxy]
port=0
timeoutSec=15
[rtmp]
port=0
sslport=0
[rtsp]
port=0
sslport=0
[rtc]
port=0
tcpPort=0
[srt]
port=0
[shell]
port=0
[hook]
enable=0
"""

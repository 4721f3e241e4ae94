"""Every output read for a while by programs we did not write: no error, times that rise.

Eight seconds in the usual run; `JUDGE_SECONDS=60` for a longer look. The picture is small, because
it is the reading that is judged, and nearly all judges read at the same time.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import av
import pytest
from websockets.sync.client import connect

from . import block_code, media_source, whep_client
from .camera import Faults, Source, load
from .kit import MakeCamera
from .live_support import assert_pictures, camera_with
from .server import Server, wait_for
from .views import assert_three_views

pytestmark = pytest.mark.e2e

SECONDS = int(os.environ.get("JUDGE_SECONDS", "8"))
WIDTH, HEIGHT = block_code.WIDTH, 256
H265_IN_MAP = 0x24
Times = dict[str, list[float]]
"""Decoding times in seconds by the kind of track."""


@pytest.fixture(scope="module")
def small() -> Source:
    """Camera 9 in H.264, with a tone."""
    pictures = media_source.h264_file(9, width=WIDTH, height=HEIGHT)
    return load(pictures, media_source.tone_file())


@pytest.fixture(scope="module")
def small_h265() -> Source:
    """Camera 10 in H.265, with a tone."""
    pictures = media_source.h265_file(10, width=WIDTH, height=HEIGHT)
    return load(pictures, media_source.tone_file())


# --- judges ------------------------------------------------------------------------------------


def ffmpeg(source: str, *options: str, given: Iterator[bytes] | None = None) -> Times:
    """Decodes everything and lists every packet; the first error ends it."""
    command = [
        "ffmpeg", "-v", "error", "-xerror", "-nostdin", *options, "-i", source,
        "-t", str(SECONDS), "-map", "0", "-c", "copy", "-f", "framecrc", "pipe:1",
        "-t", str(SECONDS), "-map", "0", "-f", "null", "-",
    ]  # fmt: skip
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        if given is not None:
            feeder = threading.Thread(target=_feed, args=(process, given))
            feeder.start()
        out, complaints = process.communicate() if given is None else _collect(process)
        if given is not None:
            feeder.join()
    assert complaints == b"", complaints.decode()[-2000:]
    assert process.returncode == 0
    return _listed(out.decode())


def _collect(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    with ThreadPoolExecutor(1) as pool:
        errors = pool.submit(process.stderr.read)
        return process.stdout.read(), errors.result()


def _feed(process: subprocess.Popen[bytes], given: Iterator[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has seen enough
        for piece in given:
            process.stdin.write(piece)
            process.stdin.flush()
    with suppress(BrokenPipeError):
        process.stdin.close()


def _listed(text: str) -> Times:
    """Packets of ffmpeg's framecrc: `stream, dts, pts, duration, size, checksum`."""
    kinds: dict[int, str] = {}
    bases: dict[int, float] = {}
    found: Times = defaultdict(list)
    for line in text.splitlines():
        if line.startswith("#tb "):
            number, _, base = line[4:].partition(": ")
            top, _, bottom = base.partition("/")
            bases[int(number)] = int(top) / int(bottom)
        elif line.startswith("#media_type "):
            number, _, kind = line[12:].partition(": ")
            kinds[int(number)] = kind
        elif line[:1].isdigit():
            number, dts = line.split(",")[:2]
            found[kinds[int(number)]].append(int(dts) * bases[int(number)])
    return found


def over_udp(url: str) -> Times:
    """Alone: a judge that gets no time of the machine would lose packets by itself."""
    return ffmpeg(url, "-rtsp_transport", "udp", "-buffer_size", "4000000")


def pyav(url: str) -> Times:
    """The FFmpeg inside PyAV, which is newer than Debian's: H.265 in FLV."""
    found: Times = defaultdict(list)
    with av.open(url, options={"err_detect": "explode"}, timeout=30) as container:
        for packet in container.demux():
            if packet.dts is None or packet.time_base is None:
                continue
            times = found[packet.stream.type]
            times.append(float(packet.dts * packet.time_base))
            assert packet.decode() is not None
            if times[-1] - times[0] >= SECONDS:
                break
    return found


def messages(url: str, over: threading.Event) -> Iterator[bytes]:
    """The stream of a WebSocket, until nobody wants more."""
    with connect(url, max_size=None, ping_interval=None) as socket:
        while not over.is_set():
            message = socket.recv(timeout=20)
            assert isinstance(message, bytes)
            yield message


def through_websocket(url: str, form: str) -> Times:
    over = threading.Event()
    try:
        return ffmpeg("pipe:0", "-f", form, given=messages(url, over))
    finally:
        over.set()


def gstreamer(url: str, folder: Path, name: str) -> None:
    """The other family of players: as many pictures as there are in the time, none missing. An
    address with `rtspt` is read over TCP, as all that read side by side are."""
    kept = folder / f"{name}.gray"
    kept.touch()
    size, count = block_code.WIDTH * block_code.HEIGHT, 25 * SECONDS
    command = [
        "gst-launch-1.0", "-q", "uridecodebin", f"uri={url}", "caps=video/x-raw", "!",
        "videoconvert", "!", "video/x-raw,format=GRAY8", "!",
        "videocrop", f"bottom={HEIGHT - block_code.HEIGHT}", "!",
        "filesink", "buffer-mode=2", f"location={kept}",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as player:
        try:
            wait_for(
                lambda: player.poll() is not None or kept.stat().st_size >= count * size,
                f"{count} pictures by {name}", timeout=SECONDS + 60, every=0.2,
            )  # fmt: skip
        finally:
            player.kill()
        assert player.stdout is not None
        complaints = player.stdout.read()
    assert complaints == b"", complaints.decode()[-2000:]
    raw = kept.read_bytes()
    codes = [block_code.decode(raw[at : at + size]) for at in range(0, len(raw) - size + 1, size)]
    assert media_source.gaps(codes) == [], name
    assert_pictures(codes, 9, count)


def judge_whep(url: str) -> None:
    """aiortc decodes it; it is no hurried decoder, so some pictures may be unreadable."""
    seen = whep_client.watch(url, frames=25 * min(SECONDS, 40))
    frames = [code for code in seen.codes if code is not None]
    assert {code.camera for code in frames} == {9}
    assert len(frames) > 0.8 * len(seen.codes)
    assert seen.samples > 0


def all_at_once(judges: dict[str, Callable[[], object]]) -> dict[str, object]:
    """Their findings by name, once all have spoken."""
    with ThreadPoolExecutor(len(judges)) as pool:
        running = {name: pool.submit(judge) for name, judge in judges.items()}
    errors = {name: error for name, one in running.items() if (error := one.exception())}
    assert not errors, "\n".join(f"{name}: {error!r}" for name, error in errors.items())
    return {name: future.result() for name, future in running.items()}


def assert_rising(name: str, times: Times, *, sound: bool) -> None:
    for kind in ("video", *(["audio"] if sound else [])):
        seen = times[kind]
        steps = [later - earlier for earlier, later in itertools.pairwise(seen)]
        assert min(steps) > 0, f"{name}: {kind} goes back"
        assert max(steps) < 0.2, f"{name}: a gap of {max(steps):.2f} s in the {kind}"
        assert seen[-1] - seen[0] > SECONDS - 1.5, f"{name}: {kind} is too short"


# --- the hearing -------------------------------------------------------------------------------


def test_h264_by_every_way_out(
    platform: Server, make_camera: MakeCamera, small: Source, tmp_path: Path
) -> None:
    camera, channel_id = camera_with(make_camera, platform, small)
    urls = platform.play(channel_id)["urls"]
    rtsp = urls["rtsp"]
    found = all_at_once({
        "flv": lambda: ffmpeg(urls["flv"] + "&audio=aac"),
        "ws_flv": lambda: through_websocket(urls["ws_flv"] + "&audio=aac", "flv"),
        "fmp4": lambda: ffmpeg(urls["fmp4"]),
        "ws_fmp4": lambda: through_websocket(urls["ws_fmp4"], "mp4"),
        "hls": lambda: ffmpeg(urls["hls"]),
        "rtsp_tcp": lambda: ffmpeg(rtsp, "-rtsp_transport", "tcp"),
        "flv_pyav": lambda: pyav(urls["flv"]),
        "whep": lambda: judge_whep(urls["whep"]),
        "gst_rtsp": lambda: gstreamer(rtsp.replace("rtsp:", "rtspt:"), tmp_path, "rtsp"),
        "gst_hls": lambda: gstreamer(urls["hls"] + "&audio=off", tmp_path, "hls"),
    })  # fmt: skip
    found["rtsp_udp"] = over_udp(rtsp)
    for name, times in found.items():
        if isinstance(times, dict):
            assert_rising(name, times, sound=name != "flv_pyav")
    assert len(camera.received("INVITE")) == 1, "one pull, whoever looks"
    assert_three_views(platform, [camera])


def test_h265_by_every_way_out_that_carries_it(
    platform: Server, make_camera: MakeCamera, small_h265: Source
) -> None:
    faults = Faults(psm_video_type=H265_IN_MAP)
    camera, channel_id = camera_with(make_camera, platform, small_h265, faults=faults)
    live = platform.play(channel_id)
    assert live["video"]["codec"] == "h265"
    urls = live["urls"]
    found = all_at_once({
        "flv_pyav": lambda: pyav(urls["flv"] + "&audio=aac"),
        "ws_fmp4": lambda: through_websocket(urls["ws_fmp4"], "mp4"),
        "fmp4": lambda: ffmpeg(urls["fmp4"]),
        "hls": lambda: ffmpeg(urls["hls"]),
        "rtsp_tcp": lambda: ffmpeg(urls["rtsp"], "-rtsp_transport", "tcp"),
    })  # fmt: skip
    found["rtsp_udp"] = over_udp(urls["rtsp"])
    for name, times in found.items():
        assert isinstance(times, dict)
        assert_rising(name, times, sound=True)
    codes = media_source.codes(urls["fmp4"], seconds=2)[:-1]
    assert_pictures(codes, 10, 40)
    assert_three_views(platform, [camera])

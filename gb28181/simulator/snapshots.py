"""Pictures a simulated camera brings: JPEG out of its own clip, by HTTP, then the list of them.

GB/T 28181-2022 9.14: SnapShotConfig -> Response -> uploads -> UploadSnapShotFinished. A file id has
41 digits: channel, `02`, YYYYMMDDhhmmssSSS, two of a serial (table 4).
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from datetime import datetime
from typing import Final

import av

from gb28181.manscdp.blocks import SnapShotConfig
from gb28181.simulator import http
from gb28181.simulator.banner import Banner
from gb28181.simulator.clip import GROUP, PICTURES, Clip
from gb28181.simulator.device import Device
from gb28181.simulator.faults import Fault
from gb28181.simulator.profiles import Habit

MOST: Final = 10
READY_S: Final = 60.0
"""How long the first picture is waited for when the clip is only being encoded."""
BOUNDARY: Final = "snapshotboundary"


async def bring(
    device: Device, code: str, config: SnapShotConfig, clip: Clip, banner: Banner, frame: int
) -> None:
    """Bring as many as asked for, as far as that works, and say which came."""
    if Fault.SNAPSHOT_NOT_SENT in device.faults:
        return
    files: list[str] = []
    for number in range(min(MOST, config.snap_num or 1)):
        if number:
            await asyncio.sleep(config.interval or 1)
        name = file_id(code, device.wall, number + 1)
        with contextlib.suppress(http.HttpFailed, av.FFmpegError):
            picture = await take(clip, banner, frame + number)
            await http.bring(config.upload_url, *_packed(device, name, picture))
            files.append(name)
    device.send(device.writer.pictures_brought(device.next_sn(), code, config.session_id, files))


async def take(clip: Clip, banner: Banner, frame: int) -> bytes:
    """The key frame of the group that is shown now, as JPEG. Raises av.FFmpegError, HttpFailed."""
    return await asyncio.get_running_loop().run_in_executor(None, _take, clip, banner, frame)


def _take(clip: Clip, banner: Banner, frame: int) -> bytes:
    clip.begun.wait(READY_S)
    if not clip.is_ready(0):
        raise http.HttpFailed(clip.error or "no picture yet")
    place = frame // GROUP * GROUP % PICTURES if clip.is_complete else 0
    return to_jpeg(clip.picture(place, banner, frame))


def to_jpeg(data: bytes) -> bytes:
    """A key frame of H.264 (annex B) as JPEG. Raises av.FFmpegError, HttpFailed."""
    decoder = av.CodecContext.create("h264", "r")
    pictures = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    if not pictures:
        raise http.HttpFailed("the picture cannot be decoded")
    frame = pictures[0].reformat(format="yuvj420p")
    out = io.BytesIO()
    with av.open(out, "w", format="mjpeg") as container:
        stream = container.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuvj420p"
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def file_id(code: str, wall: datetime, serial: int) -> str:
    stamp = wall.strftime("%Y%m%d%H%M%S") + f"{wall.microsecond // 1000:03d}"
    return f"{code}02{stamp}{serial:02d}"


def _packed(device: Device, name: str, picture: bytes) -> tuple[bytes, str]:
    """The body and its Content-Type, as the family brings it."""
    if not device.profile.has(Habit.MULTIPART_SNAPSHOT):
        return picture, "image/jpeg"
    head = (
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{name}.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n"
    )
    body = head.encode("ascii") + picture + f"\r\n--{BOUNDARY}--\r\n".encode("ascii")
    return body, f"multipart/form-data; boundary={BOUNDARY}"

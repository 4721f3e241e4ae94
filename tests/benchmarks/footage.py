"""Real pictures as a camera sends them: H.264 and G.711A in PS in RTP, ready but for the numbers.

All streams send the same frames, each with its own SSRC, sequence numbers and times; these are
written over the shared bytes just before a packet leaves. So fifty streams of 4 Mbit/s cost the
sending process little more than the system calls.
"""

from __future__ import annotations

import fcntl
import re
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.camera.elementary import Frame, split_frames
from tests.e2e.camera.ps import PsWriter, pack_header, timestamp
from tests.e2e.camera.rtp import Packetizer, framed
from tests.e2e.media_source import cache_dir, tone_file

FPS = 25
TICKS = 90_000 // FPS
GOP = 50
_PTS = re.compile(rb"\x00\x00\x01[\xe0\xc0]..\x80\x80\x05", re.DOTALL)
_HEAD = struct.Struct(">HII")


@dataclass(frozen=True, slots=True)
class Moment:
    """One frame of picture and sound: RTP packets with two bytes of length in front of each."""

    data: bytearray
    heads: tuple[int, ...]
    """Where each packet's sequence number stands."""
    datagrams: tuple[memoryview, ...]
    clocks: tuple[int, ...]
    """Where a pack header begins, and where its PTS stands, in turn."""
    key: bool

    def write(self, sequence: int, tick: int, ssrc: int) -> int:
        """Set the numbers of a stream; returns the next sequence number."""
        data, stamp = self.data, tick & 0xFFFFFFFF
        for at in self.heads:
            _HEAD.pack_into(data, at, sequence, stamp, ssrc)
            sequence = sequence + 1 & 0xFFFF
        scr, pts = pack_header(tick)[4:10], timestamp(0b0010, tick)
        for pack, time in zip(self.clocks[::2], self.clocks[1::2], strict=True):
            data[pack + 4 : pack + 10] = scr
            data[time : time + 5] = pts
        return sequence


def moments(width: int, height: int, bit_rate: int, seconds: int, gop: int = GOP) -> list[Moment]:
    """The frames of a clip, to be sent again and again."""
    frames = split_frames(clip(width, height, bit_rate, seconds, gop).read_bytes())
    sound = tone_file().read_bytes()
    writer = PsWriter()
    return [
        _moment(writer, frame, sound[n * 320 : n * 320 + 320]) for n, frame in enumerate(frames)
    ]


def _moment(writer: PsWriter, frame: Frame, sound: bytes) -> Moment:
    packetizer = Packetizer(0)
    data = bytearray()
    heads: list[int] = []
    bounds: list[tuple[int, int]] = []
    clocks: list[int] = []
    for pack in (writer.video(frame.data, 0, frame.key), writer.sound(sound, 0)):
        found = _PTS.search(pack)
        assert found is not None
        for number, packet in enumerate(packetizer.packets(pack, 0)):
            if number == 0:
                clocks += [len(data) + 14, len(data) + 14 + found.end()]
            heads.append(len(data) + 4)
            data += framed(packet)
            bounds.append((heads[-1] - 2, len(data)))
    view = memoryview(data)
    datagrams = tuple(view[begin:end] for begin, end in bounds)
    return Moment(data, tuple(heads), datagrams, tuple(clocks), frame.key)


def clip(width: int, height: int, bit_rate: int, seconds: int, gop: int = GOP) -> Path:
    """Encoded once and kept: constant bit rate, noise in the picture, a key frame each `gop`."""
    path = cache_dir() / f"bench-{width}x{height}-{bit_rate}-{seconds}-{gop}.h264"
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            part = path.with_suffix(".part")
            rate = str(bit_rate)
            source = f"testsrc2=s={width}x{height}:r={FPS}:d={seconds},noise=alls=12:allf=t"
            command = [
                "ffmpeg", "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi", "-i", source,
                "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
                "-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", str(bit_rate // 2),
                "-x264-params", f"nal-hrd=cbr:keyint={gop}:min-keyint={gop}:scenecut=0:bframes=0",
                "-f", "h264", str(part),
            ]  # fmt: skip
            subprocess.run(command, check=True)
            part.rename(path)
    return path

"""The pictures of the simulated cameras: encoded once by libx264, then repeated for ever.

A clip is ten seconds of the common street scene in H.264: 25 pictures a second, a key frame every
two seconds, no B pictures, constant quantiser. Each picture is kept as slices without the first
one, whose place the banner of each channel takes (`banner.py`); `Clip.picture` joins the two.

For the exchange to be exact nothing may refer to the banner: no deblocking, and motion vectors
that reach at most `_MOTION` lines up, below a scene whose top neither moves nor resembles noise.

Encoding runs in a thread beside the loop (libx264 lets go of the interpreter) and is ahead of real
time, so that the first picture can leave at once; the result is kept in the cache directory.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av

from gb28181.simulator import banner
from gb28181.simulator.banner import Banner
from gb28181.simulator.scene import Scene
from gb28181.simulator.slices import Sequence, SliceHead, read_head, read_sequence
from media.errors import StreamFormatError
from media.video.nal import START4, split

FPS: Final = 25
GROUP: Final = 50
PICTURES: Final = 250
_RECIPE: Final = "v1"
"""Changes whenever what is encoded changes: it is part of the name in the cache."""
_MAGIC: Final = b"GBCLIP1\n"
_SIZE: Final = struct.Struct(">I")
_MOTION: Final = 32
_SLICE, _IDR, _SPS, _PPS = 1, 5, 7, 8


@dataclass(frozen=True, slots=True)
class Format:
    """Size and quality of a clip."""

    width: int
    height: int
    quantiser: int
    kbps: int
    """About what comes out."""

    @property
    def macroblocks(self) -> int:
        return (self.width + 15) // 16


MAIN: Final = Format(1920, 1080, 30, 3800)
SUB: Final = Format(1280, 720, 31, 1500)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the clip, without its banner."""

    key: bool
    before: bytes
    """Parameter sets and a start code."""
    head: SliceHead
    behind: bytes
    """The other slices, with start codes."""


class Clip:
    """Ten seconds of pictures. Filled from another thread, in order; read from the loop."""

    def __init__(self, format: Format) -> None:
        self.format = format
        self.error = ""
        """Why there is no picture; empty as long as all is well."""
        self._pictures: list[Picture] = []
        self._sequence: Sequence | None = None
        self._sets = b""
        self.begun = threading.Event()
        """The first picture is there, or there will be none."""

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def sets(self) -> bytes:
        """Parameter sets with start codes."""
        return self._sets

    @property
    def is_complete(self) -> bool:
        return len(self._pictures) == PICTURES

    def is_ready(self, number: int) -> bool:
        """Whether the picture at this place of the round is there."""
        return number % PICTURES < len(self._pictures)

    def is_key(self, number: int) -> bool:
        return number % GROUP == 0

    def picture(
        self, number: int, channel: Banner, frame: int, more: tuple[str, ...] = ()
    ) -> bytes:
        """Annex B of a picture with the banner of a channel that shows `frame` and `more`."""
        found = self._pictures[number % PICTURES]
        bits = found.head.bits + channel.slice_data(frame, found.head.inter, more)
        unit = banner.to_unit(found.head.first_byte, bits)
        return b"".join((found.before, unit, found.behind))

    def add(self, data: bytes) -> None:
        """Take in the next picture as the encoder wrote it."""
        units = split(data)
        kinds = [unit[0] & 0x1F for unit in units]
        if _SPS in kinds and _PPS in kinds:
            sps, pps = units[kinds.index(_SPS)], units[kinds.index(_PPS)]
            self._sequence = read_sequence(sps, pps)
            self._sets = START4 + sps + START4 + pps
        slices = [unit for unit, kind in zip(units, kinds, strict=True) if kind in (_SLICE, _IDR)]
        if self._sequence is None or len(slices) < 2:
            raise StreamFormatError("the encoder's picture has no slice of its own for the banner")
        key = _IDR in kinds
        self._pictures.append(
            Picture(
                key=key,
                before=(self._sets if key else b"") + START4,
                head=read_head(slices[0], self._sequence),
                behind=b"".join(START4 + unit for unit in slices[1:]),
            )
        )
        self.begun.set()


def encode(format: Format) -> Iterator[bytes]:
    """The pictures of the round, one by one."""
    scene = Scene(format.width, format.height, banner.LINES, PICTURES)
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = format.width, format.height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS, 1)
    context.options = {"preset": "ultrafast", "x264-params": _parameters(format)}
    for number in range(PICTURES):
        frame = av.VideoFrame(format.width, format.height, "yuv420p")
        for plane, data in zip(frame.planes, scene.picture(number), strict=True):
            plane.update(_padded(data, plane.width, plane.line_size))
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield from (bytes(packet) for packet in context.encode(frame))
    yield from (bytes(packet) for packet in context.encode(None))


def _parameters(format: Format) -> str:
    chosen = {
        "qp": format.quantiser,
        "keyint": GROUP,
        "min-keyint": GROUP,
        "scenecut": 0,
        "bframes": 0,
        "ref": 1,
        "weightp": 0,
        "cabac": 0,
        "8x8dct": 0,
        "no-deblock": 1,
        "mvrange": _MOTION,
        "slice-max-mbs": banner.ROWS * format.macroblocks,
        "sliced-threads": 0,
        "threads": 2,
        "rc-lookahead": 0,
        "sync-lookahead": 0,
        "force-cfr": 1,
        "repeat-headers": 1,
        "annexb": 1,
        "log-level": "none",
    }
    return ":".join(f"{name}={value}" for name, value in chosen.items())


def _padded(data: bytes, width: int, line: int) -> bytes:
    """Rows as long as the encoder's buffer wants them."""
    if width == line:
        return data
    gap = bytes(line - width)
    return b"".join(data[at : at + width] + gap for at in range(0, len(data), width))


class Studio:
    """Makes each clip once: out of the cache, or by encoding, in a thread of its own."""

    def __init__(
        self,
        folder: Path | None,
        source: Callable[[Format], Iterator[bytes]] = encode,
    ) -> None:
        """`folder` keeps clips between runs; None keeps nothing."""
        self._folder = folder
        self._source = source
        self._clips: dict[Format, Clip] = {}
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    def clip(self, format: Format) -> Clip:
        """The clip, which may still be growing."""
        clip = self._clips.get(format)
        if clip is None:
            clip = self._clips[format] = Clip(format)
            thread = threading.Thread(target=self._fill, args=(clip,), name="clip", daemon=True)
            self._threads.append(thread)
            thread.start()
        return clip

    def close(self) -> None:
        """Ends encoding; waits for the picture under way."""
        self._stop.set()
        for thread in self._threads:
            thread.join(5.0)

    def _fill(self, clip: Clip) -> None:
        try:
            kept = self._kept(clip.format)
            pictures = []
            for data in kept or self._source(clip.format):
                if self._stop.is_set():
                    return
                clip.add(data)
                pictures.append(data)
            if not kept:
                # A folder that cannot be written costs the next run the encoding, nothing else.
                with contextlib.suppress(OSError):
                    self._keep(clip.format, pictures)
        except (StreamFormatError, OSError, av.FFmpegError, ValueError) as error:
            clip.error = f"no pictures: {error}"
            clip.begun.set()

    def _path(self, format: Format) -> Path | None:
        if self._folder is None:
            return None
        name = f"clip-{_RECIPE}-{format.width}x{format.height}-{av.__version__}"
        return self._folder / name

    def _kept(self, format: Format) -> list[bytes]:
        """The pictures in the cache; empty when they are not there or not whole."""
        path = self._path(format)
        if path is None or not path.is_file():
            return []
        data = path.read_bytes()
        at, found = len(_MAGIC), []
        if data[:at] != _MAGIC:
            return []
        while at + _SIZE.size <= len(data):
            (size,) = _SIZE.unpack_from(data, at)
            found.append(data[at + _SIZE.size : at + _SIZE.size + size])
            at += _SIZE.size + size
        return found if len(found) == PICTURES and at == len(data) else []

    def _keep(self, format: Format, pictures: list[bytes]) -> None:
        """Write the file beside its place and move it: others never see half of it."""
        path = self._path(format)
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC)
            for data in pictures:
                file.write(_SIZE.pack(len(data)))
                file.write(data)
        os.replace(name, path)

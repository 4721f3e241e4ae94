"""The process that makes H.264 of one stream: program stream in RTP over TCP in, and out again.

It takes the stream like a platform above and gives it back like a camera, so it can be slow, fail
or be killed like one: nothing else of the node notices. It ends when either connection does.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import time
from collections.abc import Iterable
from typing import Final

import av.logging

from media.ps.mux import PsMuxer
from media.receive.pipeline import Pipeline
from media.rtp.packet import RtpPacketizer, TcpSplitter, frame_for_tcp
from media.transcode.transcoder import Transcoder
from media.unit import AccessUnit, AudioFormat, Codec, FormatChanged

MEMORY: Final = 2 << 30
"""Bytes of address space, code included."""
NICE: Final = 5
READ_BYTES: Final = 256 * 1024
CONNECT_S: Final = 10.0

_PR_SET_PDEATHSIG: Final = 1


def main(host: str, take: int, give: int, ssrc: int) -> None:
    """Connect to both ports and work until a connection ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it died before the kernel was told
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(None)
    try:
        with (
            socket.create_connection((host, give), CONNECT_S) as sink,
            socket.create_connection((host, take), CONNECT_S) as source,
        ):
            sink.settimeout(None)
            source.settimeout(None)
            run(source, sink, ssrc)
    except OSError:
        return  # either side hung up: that is how it ends


def run(source: socket.socket, sink: socket.socket, ssrc: int) -> None:
    """Until the source ends."""
    splitter, pipeline = TcpSplitter(), Pipeline(ordered=True)
    transcoder, writer = Transcoder(), Writer(ssrc)
    while data := source.recv(READ_BYTES):
        outs = pipeline.feed_all(splitter.feed(data), time.monotonic())
        for out in outs:
            if isinstance(out, FormatChanged):
                writer.sound(out.audio)
        frames = writer.frames(transcoder.feed(outs))
        if frames:
            sink.sendall(frames)


class Writer:
    """Units to program stream in RTP, framed for TCP."""

    def __init__(self, ssrc: int) -> None:
        self._packets = RtpPacketizer(ssrc)
        self._muxer = PsMuxer(Codec.H264)
        self._audio: AudioFormat | None = None

    def sound(self, audio: AudioFormat | None) -> None:
        """What the camera's sound is from here on."""
        if audio != self._audio:
            self._audio = audio
            codec, config = (None, b"") if audio is None else (audio.codec, audio.config)
            self._muxer = PsMuxer(Codec.H264, codec, audio_config=config)

    def frames(self, units: Iterable[AccessUnit]) -> bytes:
        """What is to be written for these."""
        return b"".join(
            frame_for_tcp(packet)
            for unit in units
            if unit.video or (self._audio is not None and unit.codec is self._audio.codec)
            for packet in self._packets.packetize(self._muxer.frame(unit), unit.dts)
        )

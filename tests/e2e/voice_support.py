"""What the voice tests share: tones, a microphone over WebSocket, and FFmpeg's ear."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import queue
import threading
import time
import wave
from array import array
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import av
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from .camera import Camera, Ear, Hearing, channel_item
from .kit import MakeCamera, new_id
from .server import Answer, Server, wait_for

RATE = 8000


def tone(hz: float, seconds: float, rate: int = RATE, level: float = 0.5) -> bytes:
    """A sine as signed 16-bit samples."""
    top = level * 32767
    count = round(seconds * rate)
    wave_ = (round(top * math.sin(2 * math.pi * hz * n / rate)) for n in range(count))
    return array("h", wave_).tobytes()


def wav(pcm: bytes, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


def decoded(codes: bytes) -> array[int]:
    """A-law to samples by FFmpeg."""
    context = av.CodecContext.create("pcm_alaw", "r")
    context.sample_rate = RATE
    context.layout = "mono"
    found: array[int] = array("h")
    for packet in (av.Packet(codes), None):
        for frame in context.decode(packet):
            found.frombytes(bytes(frame.planes[0])[: frame.samples * 2])
    return found


def power(samples: array[int], hz: float, rate: int = RATE) -> float:
    """The share of the whole power that lies at one frequency (Goertzel), 0 to 1."""
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    found = before * before + last * last - turn * before * last
    whole = sum(sample * sample for sample in samples) * len(samples) / 2
    return found / whole if whole else 0.0


def loudest_half_second(codes: bytes) -> array[int]:
    """The half second of what was heard in which most was said."""
    return loudest(codes, RATE // 2)


def loudest(codes: bytes, size: int) -> array[int]:
    """So many samples of what was heard, where most was said."""
    samples = decoded(codes)
    starts = range(0, max(1, len(samples) - size), size // 2)
    best = max(starts, key=lambda at: sum(abs(s) for s in samples[at : at + size]))
    return samples[best : best + size]


def hears(call: Hearing, hz: float, share: float = 0.9) -> bool:
    """Whether this tone is what a loudspeaker heard in its loudest half second."""
    heard = loudest_half_second(call.samples)
    return len(heard) == RATE // 2 and power(heard, hz) > share


def assert_rtp(call: Hearing, *, payload: int = 8, step: int = 160) -> None:
    """One stream, in sequence, with the SSRC of the answer's y=."""
    heads = call.heads
    assert {(kind, ssrc) for _, kind, _, _, ssrc in heads} == {(payload, int(call.answer["y"]))}
    assert [marker for marker, *_ in heads] == [1] + [0] * (len(heads) - 1)
    for before, after in itertools.pairwise(heads):
        assert (after[2] - before[2]) & 0xFFFF == 1
        assert (after[3] - before[3]) & 0xFFFFFFFF == step


def speaker_camera(
    make_camera: MakeCamera, server: Server, *, outputs: int = 1, ear: Ear | None = None, **how: Any
) -> tuple[Camera, str, list[str]]:
    """A registered camera with a channel and loudspeakers; (camera, channel, loudspeakers)."""
    device_id, channel_id = new_id(kind=111), new_id(kind=131)
    speakers = [new_id(kind=137) for _ in range(outputs)]
    items = [channel_item(channel_id, "校门球机", parent_id=device_id)]
    items += [channel_item(code, "喇叭", parent_id=device_id) for code in speakers]
    camera = make_camera(device_id, server, items=items, per_page=8, **how)
    if ear is not None:
        camera.speaker.ear = ear
    assert camera.register().status == 200
    server.wait_channels(device_id, 1)
    return camera, channel_id, speakers


def talk(server: Server, channel_id: str, **body: Any) -> Answer:
    """POST .../talk, which answers within 15 s in every case."""
    return server.call("POST", f"/api/v1/channels/{channel_id}/talk", body, timeout=16.0)


def begin(server: Server, channel_id: str, **body: Any) -> dict[str, Any]:
    """A talk that must be heard."""
    answer = talk(server, channel_id, **body)
    assert answer.status == 200, f"{answer.status} {answer.body}\n{server.log_tail(20)}"
    found: dict[str, Any] = answer.body
    return found


def upload(server: Server, data: bytes, name: str = "tone") -> str:
    """Keep recorded speech."""
    answer = server.call("POST", f"/api/v1/voices?name={quote(name)}", raw=data)
    assert answer.status == 200, answer.body
    return str(answer.body["voice_id"])


def end(server: Server, talk_id: str) -> None:
    answer = server.call("DELETE", f"/api/v1/talks/{talk_id}")
    assert answer.status == 204, answer


def state(server: Server, talk_id: str) -> dict[str, Any]:
    found: dict[str, Any] = server.get(f"/talks/{talk_id}")
    return found


def wait_over(server: Server, talk_id: str, timeout: float = 10.0) -> dict[str, Any]:
    """The talk once it has ended."""

    def look() -> dict[str, Any] | None:
        found = state(server, talk_id)
        return found if found["state"] == "ended" else None

    found = wait_for(look, f"talk {talk_id} is over", timeout=timeout)
    assert found is not None
    return found


class Microphone:
    """Speaks a tone in real time, as a browser does: chunks of 40 ms at its own rate."""

    CHUNK_S = 0.04

    def __init__(self, socket: ClientConnection, hz: float, rate: int) -> None:
        self.told: list[dict[str, Any]] = []
        self.heard = bytearray()
        self.closed: tuple[int, str] | None = None
        self._socket = socket
        self._pcm = tone(hz, 1.0, rate)
        self._rate = rate
        self._stop = threading.Event()
        self._more: queue.Queue[None] = queue.Queue()
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._speak, self._hear)]
        for thread in self._threads:
            thread.start()

    def _speak(self) -> None:
        size = round(self._rate * self.CHUNK_S) * 2
        start, number = time.monotonic(), 0
        with contextlib.suppress(ConnectionClosed, OSError):
            while not self._stop.is_set():
                at = number * size % len(self._pcm)
                self._socket.send((self._pcm[at:] + self._pcm)[:size])
                number += 1
                self._stop.wait(max(0.0, start + number * self.CHUNK_S - time.monotonic()))

    def _hear(self) -> None:
        try:
            for message in self._socket:
                if isinstance(message, bytes):
                    self.heard += message
                else:
                    self.told.append(json.loads(message))
                self._more.put(None)
        except ConnectionClosed:
            pass
        finally:
            code = self._socket.close_code
            self.closed = (code or 0, self._socket.close_reason or "")
            self._more.put(None)

    def wait(self, condition: Any, what: str, timeout: float = 10.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition(self):
            try:
                self._more.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"not within {timeout} s: {what}") from None

    def stop(self) -> None:
        self._stop.set()
        self._socket.close()
        for thread in self._threads:
            thread.join(5)


@contextlib.contextmanager
def microphone(
    begun: dict[str, Any], hz: float = 440.0, rate: int = 48_000
) -> Iterator[Microphone]:
    """The microphone of a talk, open and speaking."""
    with connect(f"{begun['microphone']}&rate={rate}", proxy=None) as socket:
        speaking = Microphone(socket, hz, rate)
        try:
            yield speaking
        finally:
            speaking.stop()

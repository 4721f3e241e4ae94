"""A WHEP player of the tests' own, on aiortc: offers, decodes, and reads the codes of the pictures.

The browser tests judge the same with chromium; this one is quick and can be made to misbehave. It
runs as a process of its own, `python -m tests.e2e.whep_client URL FRAMES|ask SECONDS`: it prints a
line when the first picture is decoded and what it saw, as JSON, at the end.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import urllib.request
from dataclasses import asdict, dataclass, field
from typing import Any

import av
from aiortc import RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from . import block_code
from .block_code import Code


@dataclass(slots=True)
class Seen:
    """What a player got."""

    codes: list[Code | None] = field(default_factory=list)
    samples: int = 0
    loudest: int = 0
    location: str = ""
    answer: str = ""
    ended: bool = False


FIRST_PICTURE = "first picture"
LONGEST_S = 60


class Player:
    """A player at work; `seen()` waits for what it saw."""

    def __init__(self, url: str, *how: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.whep_client", url, *map(str, how)],
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_first_picture(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == FIRST_PICTURE

    def seen(self) -> Seen:
        try:
            text, _ = self._process.communicate(timeout=LONGEST_S)
        finally:
            self._process.kill()
            self._process.wait()
        assert self._process.returncode == 0
        found = json.loads(text.strip().splitlines()[-1])
        return Seen(**found | {"codes": [code and Code(*code) for code in found["codes"]]})


def watch(url: str, *, frames: int) -> Seen:
    """What a player sees until so many pictures came or the stream ended."""
    return Player(url, frames).seen()


def ask_for_key_frames(url: str, *, seconds: float) -> None:
    """Ask for a key frame ten times a second, as a player with a bad line would."""
    Player(url, "ask", seconds).seen()


async def _watch(url: str, frames: int) -> Seen:
    seen = Seen()
    player = RTCPeerConnection()
    try:
        tasks = await _play(player, url, seen, frames)
        await asyncio.wait_for(asyncio.gather(*tasks), 30)
    finally:
        await player.close()
    return seen


async def _ask(url: str, seconds: float) -> Seen:
    seen = Seen()
    player = RTCPeerConnection()
    try:
        tasks = await _play(player, url, seen, 10_000)
        (receiver,) = (one for one in player.getReceivers() if one.track.kind == "video")
        ssrc = int(re.findall(r"a=ssrc:(\d+) msid:live video", seen.answer)[0])
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await receiver._send_rtcp_pli(ssrc)
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
    finally:
        await player.close()
    return seen


async def _play(
    player: RTCPeerConnection, url: str, seen: Seen, frames: int
) -> list[asyncio.Task[None]]:
    tasks: list[asyncio.Task[None]] = []
    enough = asyncio.Event()

    @player.on("track")
    def _(track: Any) -> None:
        if track.kind == "video":
            tasks.append(asyncio.create_task(_pictures(track, seen, frames, enough)))
        else:
            tasks.append(asyncio.create_task(_sound(track, seen, enough)))

    for kind in ("audio", "video"):
        transceiver = player.addTransceiver(kind, direction="recvonly")
        known = RTCRtpSender.getCapabilities(kind).codecs
        transceiver.setCodecPreferences([c for c in known if c.name in ("H264", "PCMA")])
    await player.setLocalDescription(await player.createOffer())
    status, headers, body = await asyncio.to_thread(post, url, player.localDescription.sdp)
    assert status == 201, body
    seen.location, seen.answer = headers["location"], body
    await player.setRemoteDescription(RTCSessionDescription(body, "answer"))
    return tasks


async def _pictures(track: Any, seen: Seen, frames: int, enough: asyncio.Event) -> None:
    try:
        while len(seen.codes) < frames:
            picture = await track.recv()
            if not seen.codes:
                print(FIRST_PICTURE, flush=True)
            seen.codes.append(_code(picture))
    except MediaStreamError:
        seen.ended = True
    enough.set()


async def _sound(track: Any, seen: Seen, enough: asyncio.Event) -> None:
    try:
        while not enough.is_set():
            frame = await track.recv()
            seen.samples += frame.samples
            samples = memoryview(bytes(frame.planes[0])).cast("h")[: frame.samples]
            seen.loudest = max(seen.loudest, *map(abs, samples))
    except MediaStreamError:
        return


def _code(picture: av.VideoFrame) -> Code | None:
    """The luma of the corner with the code."""
    plane = picture.planes[0]
    data, step = memoryview(plane), plane.line_size
    rows = (data[at * step : at * step + block_code.WIDTH] for at in range(block_code.HEIGHT))
    return block_code.decode(b"".join(rows))


def post(
    url: str, offer: str | bytes, kind: str = "application/sdp"
) -> tuple[int, dict[str, str], str]:
    """Status, headers (lower case) and body of a POST; refusals are answers too."""
    data = offer if isinstance(offer, bytes) else offer.encode()
    request = urllib.request.Request(url, data, {"Content-Type": kind}, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, headers, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {}, error.read().decode()


def main(url: str, *how: str) -> None:
    work = _ask(url, float(how[1])) if how[0] == "ask" else _watch(url, int(how[0]))
    print(json.dumps(asdict(asyncio.run(work))))


if __name__ == "__main__":
    main(*sys.argv[1:])

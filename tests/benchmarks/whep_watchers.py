"""A child process: players by WHEP that decrypt what comes, count it and do not decode it.

python -m tests.benchmarks.whep_watchers
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCSessionDescription

from tests.e2e.whep_client import post

from .child import CommandReader, say


class Player:
    """One player; the marker of the last packet of a picture counts pictures."""

    def __init__(self, url: str, looks: bool) -> None:
        self.url, self.looks = url, looks
        self.pictures = self.size = 0
        self.first_at = 0.0
        self._connection = RTCPeerConnection()

    async def open(self) -> None:
        for kind in ("audio", "video"):
            transceiver = self._connection.addTransceiver(kind, direction="recvonly")
            known = RTCRtpSender.getCapabilities(kind).codecs
            transceiver.setCodecPreferences([c for c in known if c.name in ("H264", "PCMA")])
            self._count(transceiver.receiver, kind == "video")
        await self._connection.setLocalDescription(await self._connection.createOffer())
        offer = self._connection.localDescription.sdp
        status, _, answer = await asyncio.to_thread(post, self.url, offer)
        if status != 201:
            raise ConnectionError(f"WHEP: {status} {answer}")
        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    def _count(self, receiver: RTCRtpReceiver, video: bool) -> None:
        async def packet(found: Any, arrival_time_ms: int) -> None:
            self.size += len(found.payload)
            if video and found.marker:
                self.first_at = self.first_at or time.monotonic()
                self.pictures += 1

        # In place of the jitter buffer and the decoder, which would cost a core each.
        receiver._handle_rtp_packet = packet

    async def close(self) -> None:
        await self._connection.close()


class WhepWatchers:
    def __init__(self) -> None:
        self._players: list[Player] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader = CommandReader(
            {"open": self._begin_open, "counts": self._counts, "close": self._begin_close}
        )
        asyncio.get_running_loop().add_reader(self._reader.fileno, self._reader.read)

    async def run(self) -> None:
        say()
        await asyncio.Event().wait()

    def _begin_open(self, urls: list[str], each: int) -> None:
        self._begin(self._open(urls, each))

    def _begin_close(self) -> None:
        self._begin(self._close())

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        task.result()

    async def _open(self, urls: list[str], each: int) -> None:
        self._players = [Player(url, number == 0) for url in urls for number in range(each)]
        for player in self._players:
            await player.open()
        say()

    def _counts(self) -> None:
        looking = [player for player in self._players if player.looks]
        say(
            size=sum(player.size for player in self._players),
            pictures=sum(player.pictures for player in looking),
            first_at={player.url: player.first_at for player in looking},
            faults={},
        )

    async def _close(self) -> None:
        await asyncio.gather(*(player.close() for player in self._players))
        self._players.clear()
        say()


async def main() -> None:
    await WhepWatchers().run()


if __name__ == "__main__":
    asyncio.run(main())

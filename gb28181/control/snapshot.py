"""Pictures that are kept: brought by the device (2022), or out of the live stream (any).

A device of 2022 is told how many pictures to bring and where (SnapShotConfig, GB/T 28181-2022
9.14); the address carries a secret. One of 2016, and one that refuses or brings nothing, is looked
at instead: a pull is begun if need be, and its key frame becomes a JPEG. Pictures lie as files in
the data directory and belong to a channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from gb28181.cluster.bus import Bus, Event
from gb28181.control.collect import Collected
from gb28181.control.query import Queries
from gb28181.control.stills import Stills
from gb28181.control.target import Target, channel_target
from gb28181.control.uploads import Ticket, Uploads, file_id_of, time_of
from gb28181.device.clock import BEIJING, Clock
from gb28181.device.model import Device
from gb28181.device.service import DeviceService
from gb28181.errors import (
    BadInput,
    Busy,
    DeviceRefused,
    DeviceTimeout,
    Leg,
    LegFailed,
    NotFound,
    Unauthorised,
)
from gb28181.manscdp.blocks import SnapShotConfig
from gb28181.manscdp.commands.device_config import DeviceConfig, DeviceConfigResponse
from gb28181.manscdp.commands.snapshot_finished import SnapShotFinished
from gb28181.store.control import ControlBook, SnapshotRecord
from gb28181.telemetry import events as ev
from gb28181.telemetry.logs import get_logger
from media.still.picture import BadPicture, Picture
from sip.flow import Flow

LATE_S = 60.0
"""So long after the waiting has ended a picture is still taken."""
MOST_UPLOADS = 8
"""Uploads in progress at one time."""
PLAUSIBLE = timedelta(days=1)

log = get_logger("control")


class Source(StrEnum):
    """Where a picture comes from."""

    AUTO = "auto"
    DEVICE = "device"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class SnapshotOptions:
    """From the settings."""

    wait_s: float
    answer_s: float
    most_bytes: int
    most_pixels: int
    keep: int


class Snapshots:
    """One per node."""

    def __init__(
        self,
        devices: DeviceService,
        queries: Queries,
        book: ControlBook,
        bus: Bus,
        folder: Path,
        options: SnapshotOptions,
        *,
        stills: Stills,
        upload_base: Callable[[Flow], str],
        clock: Clock | None = None,
    ) -> None:
        self._devices = devices
        self._queries = queries
        self._book = book
        self._bus = bus
        self._folder = folder
        self.options = options
        self._stills = stills
        self._upload_base = upload_base
        self._clock = clock or Clock()
        self._uploads = Uploads()
        self._slots = asyncio.Semaphore(MOST_UPLOADS)

    # --- asking ---------------------------------------------------------------------------------

    async def take(
        self,
        channel_id: str,
        source: Source = Source.AUTO,
        *,
        count: int = 1,
        interval: int = 1,
        force: bool = False,
    ) -> list[SnapshotRecord]:
        """Pictures of a channel as it looks now, at least one. Raises what the device or the
        stream refuses with."""
        target = channel_target(self._devices, channel_id)
        if source is Source.DEVICE:
            target.require_2022("SnapShotConfig", force=force)
            return await self._of_device(target, count, interval)
        if source is Source.AUTO and target.of_2022:
            try:
                return await self._of_device(target, count, interval)
            except (DeviceRefused, DeviceTimeout) as error:
                log.event(ev.SNAPSHOT_FALLBACK, channel_id=channel_id, reason=error.code)
        return [await self._of_stream(target)]

    async def _of_device(self, target: Target, count: int, interval: int) -> list[SnapshotRecord]:
        flow = target.device.flow
        if flow is None:
            raise LegFailed(Leg.DEVICE_OFFLINE, f"device {target.device_id} is offline")
        loop = asyncio.get_running_loop()
        now = loop.time()
        wait_s = self.options.wait_s + interval * (count - 1)
        changed = asyncio.Event()
        ticket = Ticket(
            secrets.token_hex(24),
            secrets.token_hex(16),
            target.channel_id,
            target.device_id,
            count,
            now + wait_s + LATE_S,
            changed=changed.set,
        )
        self._uploads.add(ticket, now)
        url = f"{self._upload_base(flow)}/{ticket.secret}"
        block = SnapShotConfig(count, interval, url, ticket.session_id)
        message = DeviceConfig("", target.code, (block,))
        asking = asyncio.ensure_future(
            self._queries.ask(target.device_id, message, timeout=self.options.answer_s)
        )
        try:
            await self._wait(ticket, changed, asking, now + wait_s)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        return await self._taken(ticket)

    async def _wait(
        self,
        ticket: Ticket,
        changed: asyncio.Event,
        asking: asyncio.Future[Collected],
        deadline: float,
    ) -> None:
        """Until all is there, the device refuses, or the time is over."""
        loop = asyncio.get_running_loop()
        asked = False
        while not ticket.complete and loop.time() < deadline:
            if asking.done() and not asked:
                asked = True
                _refusal(ticket.device_id, asking)
            changed.clear()
            news = asyncio.ensure_future(changed.wait())
            waits: set[asyncio.Future[Any]] = {news} if asked else {news, asking}
            try:
                await asyncio.wait(
                    waits,
                    timeout=max(0.0, deadline - loop.time()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                news.cancel()

    async def _taken(self, ticket: Ticket) -> list[SnapshotRecord]:
        found = [await self._book.snapshot(snapshot_id) for snapshot_id in ticket.taken]
        there = [record for record in found if record is not None]
        if there:
            return there
        if ticket.finished is not None:
            raise DeviceRefused(f"device {ticket.device_id} says that it brought no picture")
        raise DeviceTimeout(
            f"device {ticket.device_id} took the command and brought no picture", sip_status=200
        )

    def on_finished(self, device: Device, message: SnapShotFinished) -> None:
        """UploadSnapShotFinished: what was brought, by the device's account."""
        known = self._uploads.finished(device.device_id, message.session_id, message.files)
        log.event(
            ev.SNAPSHOT_FINISHED,
            device_id=device.device_id,
            session_id=message.session_id[:64],
            files=len(message.files),
            known=known,
        )

    # --- out of the stream ----------------------------------------------------------------------

    async def _of_stream(self, target: Target) -> SnapshotRecord:
        picture = await self._stills.taken(target.channel_id)
        return await self._keep(picture, target.channel_id, target.device_id, Source.STREAM, "")

    # --- what is brought ------------------------------------------------------------------------

    def ticket(self, secret: str) -> Ticket:
        """The permission of an upload; raises Unauthorised. Check it before reading the body."""
        ticket = self._uploads.open(secret, _now())
        if ticket is None:
            raise Unauthorised("no upload is expected at this address")
        return ticket

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One of the few places for an upload in progress; raises Busy."""
        if self._slots.locked():
            raise Busy("uploads_busy", "too many uploads at one time")
        async with self._slots:
            yield

    async def receive(self, ticket: Ticket, data: bytes, name: str) -> SnapshotRecord:
        """A body that was brought; raises BadInput when it is no sound JPEG."""
        digest = hashlib.sha256(data).digest()
        if digest in ticket.digests:
            raise BadInput("this picture was brought before")
        try:
            picture = await self._stills.proof(data, self.options.most_pixels)
        except BadPicture as error:
            log.event(
                ev.SNAPSHOT_REFUSED,
                device_id=ticket.device_id,
                channel_id=ticket.channel_id,
                reason=str(error)[:200],
                size=len(data),
            )
            raise BadInput(f"no usable picture: {error}") from error
        if len(ticket.taken) >= ticket.wanted:
            raise Unauthorised("all pictures were brought")
        record = await self._keep(
            picture, ticket.channel_id, ticket.device_id, Source.DEVICE, file_id_of(name)
        )
        ticket.digests.add(digest)
        ticket.taken.append(record.snapshot_id)
        ticket.changed()
        return record

    # --- keeping --------------------------------------------------------------------------------

    async def _keep(
        self, picture: Picture, channel_id: str, device_id: str, source: Source, file_id: str
    ) -> SnapshotRecord:
        snapshot_id = secrets.token_hex(16)
        await asyncio.to_thread(_write, self._path(snapshot_id), picture.data)
        record = SnapshotRecord(
            snapshot_id,
            channel_id,
            device_id,
            self._taken_at(file_id),
            source.value,
            file_id,
            picture.width,
            picture.height,
            len(picture.data),
        )
        await self._book.add_snapshot(record)
        for gone in await self._book.forget_snapshots(self.options.keep):
            await asyncio.to_thread(self._path(gone).unlink, missing_ok=True)
        told = {**asdict(record), "taken_at": record.taken_at.isoformat()}
        self._bus.publish(Event("snapshot.taken", told))
        return record

    def _taken_at(self, file_id: str) -> datetime:
        """By the device's account when that is plausible, else now."""
        now = self._clock.civil()
        local = time_of(file_id) if file_id else None
        if local is None:
            return now
        said = local.replace(tzinfo=BEIJING)
        return said if abs(said - now) < PLAUSIBLE else now

    async def jpeg(self, snapshot_id: str) -> tuple[SnapshotRecord, bytes]:
        """A kept picture; raises NotFound."""
        record = await self._book.snapshot(snapshot_id)
        if record is None:
            raise NotFound("snapshot", snapshot_id)
        try:
            data = await asyncio.to_thread(self._path(snapshot_id).read_bytes)
        except FileNotFoundError:
            raise NotFound("snapshot", snapshot_id) from None
        return record, data

    async def of_channel(
        self, channel_id: str, limit: int, offset: int
    ) -> tuple[list[SnapshotRecord], int]:
        """Kept pictures of a channel, newest first."""
        return await self._book.snapshots(channel_id, limit=limit, offset=offset)

    def _path(self, snapshot_id: str) -> Path:
        return self._folder / f"{snapshot_id}.jpg"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _refusal(device_id: str, asking: asyncio.Future[Collected]) -> None:
    """Raise when the device will bring nothing; silence after its SIP 200 may mean that it does."""
    try:
        answer = asking.result()
    except DeviceTimeout as error:
        if error.sip_status is None:
            raise
        return
    response = answer.first
    if isinstance(response, DeviceConfigResponse) and not response.ok:
        raise DeviceRefused(
            f"device {device_id} says ERROR", sip_status=200, detail={"result": "ERROR"}
        )


def _now() -> float:
    return asyncio.get_running_loop().time()

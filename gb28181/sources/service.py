"""The sources of one node: kept, shown in the tree, and asked now and then whether they are there.

A source that is fetched is online when the last attempt to reach it succeeded: a pull, or the check
that asks for its description. Checks go round while nobody looks, few at a time. One that publishes
is online while it does; it has no address but a key, which is shown when it is made.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast

from catalog.divisions import Divisions
from gb28181.device.own import OwnChannels
from gb28181.errors import BadInput, Conflict, NotFound
from gb28181.sources.address import check_credentials, read_address
from gb28181.store.records import utc_now
from gb28181.store.sources import PUBLISHED, SourceBook, SourceRecord
from gb28181.telemetry import events_source as ev
from gb28181.telemetry.events import APP_FAILED
from gb28181.telemetry.logs import get_logger
from media.errors import MediaError
from media.pulling import PublishSpec, PullSpec, Spec
from media.rtmp.publications import Publication, Publications
from media.rtsp.probing import probe
from sip.flow import host_port

CHECKS_AT_ONCE = 16
KEY_BYTES = 24
"""Of a stream key, random."""

log = get_logger("source")


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How sources are asked."""

    check_s: float = 60.0
    """Between two checks of one; 0: only pulls tell."""
    allow: tuple[str, ...] = ()
    """Networks that may be connected to though they are this host's own or special ones."""


@dataclass(slots=True)
class Source:
    """A record and what is known of the camera now."""

    record: SourceRecord
    online: bool = False
    reason: str = "not asked yet"
    tried_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator enters, or changes; None leaves a value as it is."""

    name: str | None = None
    place: str | None = None
    url: str | None = None
    user: str | None = None
    password: str | None = None
    transport: str | None = None
    """`rtmp` for one that publishes, which it is for good."""


class SourceService:
    """Start it after the devices, whose tree it shares."""

    def __init__(
        self,
        own: OwnChannels,
        book: SourceBook,
        options: SourceOptions,
        publications: Publications | None = None,
    ) -> None:
        self.on_changed: Callable[[str], None] = _nobody
        """What a running pull of this source rests on is not so any more."""
        self.on_state: Callable[[str, str, str], None] = _nobody_either
        """One that publishes is `online` or `offline`, and why."""
        self._publications = publications or Publications()
        self._publications.listen(self._began, self._ended)
        self._own = own
        self._book = book
        self._options = options
        self._sources: dict[str, Source] = {}
        self._gate = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bring those of earlier runs back, and begin to ask them."""
        for record in await self._book.all():
            self._sources[record.source_id] = Source(record)
            self._show(self._sources[record.source_id])
            self._permit(record)
        self._spawn(self._round())

    async def aclose(self) -> None:
        """Ask no more, and hear no more of those who publish."""
        self._publications.silence()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=1.0)

    def all(self) -> list[Source]:
        """In the order they were entered."""
        return list(self._sources.values())

    def get(self, source_id: str) -> Source:
        """One of them; raises NotFound."""
        found = self._sources.get(source_id)
        if found is None:
            raise NotFound("source", source_id)
        return found

    async def create(self, wish: Wish) -> Source:
        """Enter one; raises BadInput."""
        empty = SourceRecord("", "", "", "")
        record = _changed(replace(empty, transport=wish.transport or empty.transport), wish)
        if record.publishes:
            record.password = _new_key()
        record.source_id = self._own.new_code(record.place)
        source = self._sources[record.source_id] = Source(record)
        self._show(source)  # holds the code while the row is written
        try:
            await self._book.add(record)
        except BaseException:
            self._forget(record.source_id)
            raise
        log.event(ev.SOURCE_CREATED, channel_id=record.source_id, url=record.url)
        self._permit(record)
        self._spawn(self._check(source))
        return source

    async def renew_key(self, source_id: str) -> Source:
        """Give one that publishes another key; who publishes under the old one is cut off.

        Raises NotFound, Conflict.
        """
        source = self.get(source_id)
        if not source.record.publishes:
            raise Conflict("source_is_fetched", "a source that is fetched has no key")
        record = replace(source.record, password=_new_key())
        await self._book.save(record)
        source.record = record
        self._permit(record)
        log.event(ev.SOURCE_KEY_CHANGED, channel_id=source_id)
        return source

    async def update(self, source_id: str, wish: Wish) -> Source:
        """Change one; a running pull is fetched anew. Raises NotFound, BadInput."""
        source = self.get(source_id)
        record = _changed(source.record, wish)
        await self._book.save(record)
        again = self._spec(record) != self._spec(source.record)
        source.record = record
        self._show(source)
        if again:
            self.on_changed(source_id)
            self._spawn(self._check(source))
        return source

    async def remove(self, source_id: str) -> None:
        """Take one away, whoever looks. Raises NotFound."""
        self.get(source_id)
        await self._book.remove(source_id)
        self._forget(source_id)
        self._publications.forbid(source_id, "the source was removed")
        self.on_changed(source_id)
        log.event(ev.SOURCE_REMOVED, channel_id=source_id)

    async def check(self, source_id: str) -> Source:
        """Ask one now. Raises NotFound."""
        source = self.get(source_id)
        await self._check(source)
        return source

    def fetched(self, source_id: str, failure: str) -> None:
        """A pull says whether it could be reached."""
        source = self._sources.get(source_id)
        if source is not None and not source.record.publishes:
            self._tried(source, failure)

    def _began(self, publication: Publication) -> None:
        source = self._sources.get(publication.source_id)
        if source is not None:
            self._tried(source, "", host_port(publication.remote))
            self.on_state(publication.source_id, "online", "it publishes")

    def _ended(self, publication: Publication, reason: str) -> None:
        source = self._sources.get(publication.source_id)
        if source is not None:
            self._tried(source, reason)
            self.on_state(publication.source_id, "offline", reason)

    def _permit(self, record: SourceRecord) -> None:
        if record.publishes and record.password:
            self._publications.permit(record.source_id, record.password)

    def _tried(self, source: Source, failure: str, remote: str | None = None) -> None:
        was, source.online = source.online, not failure
        source.reason, source.tried_at = failure, utc_now()
        if was != source.online:
            channel_id = source.record.source_id
            self._own.set_online(channel_id, source.online)
            if source.online:
                log.event(ev.SOURCE_ONLINE, channel_id=channel_id, remote=remote)
            else:
                log.event(ev.SOURCE_OFFLINE, channel_id=channel_id, reason=failure)

    def _show(self, source: Source) -> None:
        record = source.record
        self._own.put(
            record.source_id, record.name, record.place, self._spec(record), online=source.online
        )

    def _forget(self, source_id: str) -> None:
        self._sources.pop(source_id, None)
        self._own.remove(source_id)

    def _spec(self, record: SourceRecord) -> Spec:
        return PublishSpec(record.source_id) if record.publishes else self._fetched(record)

    def _fetched(self, record: SourceRecord) -> PullSpec:
        return PullSpec(
            record.url,
            record.user,
            record.password or "",
            cast(Literal["tcp", "udp"], record.transport),
            self._options.allow,
        )

    async def _round(self) -> None:
        """All of them at the start, then each again and again."""
        while True:
            # The next round waits for this one: cameras that answer slowly must not pile up.
            fetched = [source for source in self.all() if not source.record.publishes]
            checks = [self._spawn(self._check(source)) for source in fetched]
            if checks:
                await asyncio.wait(checks)
            if not self._options.check_s:
                return
            await asyncio.sleep(self._options.check_s)

    async def _check(self, source: Source) -> None:
        if source.record.publishes:
            return  # it is there while it publishes
        async with self._gate:
            if self._sources.get(source.record.source_id) is not source:
                return
            try:
                await probe(self._fetched(source.record))
            except MediaError as error:
                self._tried(source, str(error))
            else:
                self._tried(source, "")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.event(APP_FAILED, component="sources", error=task.exception())


def _changed(record: SourceRecord, wish: Wish) -> SourceRecord:
    """The record as it is wished; raises BadInput."""
    found = replace(record)
    _refuse_address(record, wish)
    if wish.name is not None:
        found.name = wish.name
    if wish.place is not None:
        if len(wish.place) not in (4, 6, 8) or not Divisions.load().exists(wish.place[:6]):
            raise BadInput(f"place: no division {wish.place}")
        found.place = wish.place
    if wish.url is not None:
        address = read_address(wish.url)
        found.url = address.url
        if address.user:
            found.user, found.password = address.user, address.password
    if wish.user is not None:
        found.user = wish.user
    if wish.password is not None:
        found.password = wish.password or None
    check_credentials(found.user, found.password or "")
    if wish.transport is not None:
        found.transport = wish.transport
    if not found.url and not found.publishes:
        raise BadInput("url is needed")
    return found


def _refuse_address(record: SourceRecord, wish: Wish) -> None:
    """One that publishes has no address, and does not become one that is fetched, or vice versa."""
    if (wish.transport or record.transport) != record.transport:
        if PUBLISHED in (wish.transport, record.transport):
            raise BadInput("transport: a source is fetched or publishes for good")
    elif record.publishes and (wish.url or wish.user or wish.password):
        raise BadInput("a source that publishes has no url, user or password")


def _new_key() -> str:
    return secrets.token_urlsafe(KEY_BYTES)


def _nobody(source_id: str) -> None:
    """Before the sessions listen nobody does."""


def _nobody_either(source_id: str, state: str, cause: str) -> None:
    """The same."""

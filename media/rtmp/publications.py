"""Who may publish under which key, who does, and who listens to that.

A publication keeps the decoder configurations and what came since the last key frame, as it came:
whoever begins to listen gets that first, and while nobody does, nothing is taken apart. The first
publisher under a key keeps it; another one gets it once the first has been silent for `SILENT_S`.

``now`` is monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from media.errors import RemoteError
from media.rtmp.chunks import AUDIO, VIDEO, Message
from media.rtmp.tags import is_configuration, is_key

SILENT_S: Final = 5.0
"""After so long without media another publisher may take its place."""
GONE_S: Final = 20.0
"""After so long without media a publisher is cut off."""


class NotAdmitted(RemoteError):
    """Somebody may not publish."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        """As RTMP says it."""
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds of what is kept of one publication."""

    gop_bytes: int = 4 << 20
    gop_s: float = 12.0


class Listener(Protocol):
    """Somebody who gets what is published."""

    def take(self, messages: Iterable[Message], now: float) -> None: ...
    def ended(self, reason: str) -> None: ...


class Publication:
    """One publisher, from its begin to its end."""

    def __init__(
        self,
        source_id: str,
        remote: tuple[str, int],
        now: float,
        limits: CacheLimits,
        cut: Callable[[str], None],
    ) -> None:
        self.source_id = source_id
        self.remote = remote
        self.last_at = now
        """When it last sent pictures or sound."""
        self.bytes_in = 0
        self.running = True
        self.cut = cut
        """Closes its connection, for this reason."""
        self._limits = limits
        self._configurations: dict[int, Message] = {}
        self._cache: list[Message] = []
        self._cached = 0
        self._listeners: list[Listener] = []

    def __repr__(self) -> str:
        return f"<Publication {self.source_id} cached={self._cached}>"

    def push(self, messages: list[Message], now: float) -> None:
        """What it sent."""
        self.last_at = now
        for message in messages:
            self.bytes_in += len(message.data)
            self._keep(message)
        for listener in list(self._listeners):
            listener.take(messages, now)

    def join(self, listener: Listener, now: float) -> None:
        """Give everything to this listener too, from the last key frame on."""
        self._listeners.append(listener)
        listener.take([*self._configurations.values(), *self._cache], now)

    def leave(self, listener: Listener) -> None:
        """It listens no more. Idempotent."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def end(self, reason: str) -> None:
        """It is over for those who listen. Idempotent."""
        self.running = False
        listeners, self._listeners = self._listeners, []
        self._cache.clear()
        for listener in listeners:
            listener.ended(reason)

    def _keep(self, message: Message) -> None:
        if message.kind not in (AUDIO, VIDEO):
            return
        if is_configuration(message):
            self._configurations[message.kind] = message
            return
        if is_key(message):
            self._cache, self._cached = [], 0
        elif not self._cache:
            return
        self._cached += len(message.data)
        self._cache.append(message)
        span_ms = (message.time - self._cache[0].time) & 0xFFFFFFFF
        backwards = span_ms > 0x7FFFFFFF  # sound a little older than the picture
        if self._cached > self._limits.gop_bytes or (
            not backwards and span_ms > self._limits.gop_s * 1000
        ):
            self._cache, self._cached = [], 0


class Publications:
    """All keys and all publications of a node."""

    def __init__(self, limits: CacheLimits | None = None) -> None:
        self._on_began: Callable[[Publication], None] = _ignore
        self._on_ended: Callable[[Publication, str], None] = _ignore_end
        self._limits = limits or CacheLimits()
        self._sources: dict[bytes, str] = {}
        self._keys: dict[str, bytes] = {}
        self._running: dict[str, Publication] = {}

    def __repr__(self) -> str:
        return f"<Publications keys={len(self._keys)} running={len(self._running)}>"

    @property
    def count(self) -> int:
        """Who publishes now."""
        return len(self._running)

    def listen(
        self, on_began: Callable[[Publication], None], on_ended: Callable[[Publication, str], None]
    ) -> None:
        """Hear of every publication that begins or ends, and why."""
        self._on_began, self._on_ended = on_began, on_ended

    def silence(self) -> None:
        """Hear nothing more."""
        self._on_began, self._on_ended = _ignore, _ignore_end

    def knows(self, source_id: str) -> bool:
        """Whether this source publishes, now or at another time."""
        return source_id in self._keys

    def permit(self, source_id: str, key: str) -> None:
        """This key, and no other, opens this source; who publishes under another is cut off."""
        digest = _digest(key)
        if self._keys.get(source_id) != digest:
            self.forbid(source_id, "its key was changed")
            self._keys[source_id] = digest
            self._sources[digest] = source_id

    def forbid(self, source_id: str, reason: str) -> None:
        """No key opens it any more. Idempotent."""
        digest = self._keys.pop(source_id, None)
        if digest is not None:
            self._sources.pop(digest, None)
        running = self._running.get(source_id)
        if running is not None:
            running.cut(reason)
            self.leave(running, reason)

    def running(self, source_id: str) -> Publication | None:
        """Who publishes this source now."""
        return self._running.get(source_id)

    def admit(
        self, key: str, remote: tuple[str, int], now: float, cut: Callable[[str], None]
    ) -> Publication:
        """Let somebody publish.  Raises NotAdmitted."""
        # A look-up by the digest: how long it takes tells nothing about the key.
        source_id = self._sources.get(_digest(key))
        if source_id is None:
            raise NotAdmitted("NetStream.Publish.BadName", "no source has this key")
        before = self._running.get(source_id)
        if before is not None:
            if now - before.last_at < SILENT_S:
                raise NotAdmitted("NetStream.Publish.BadName", "it is published already")
            before.cut("another publisher took its place")
            self.leave(before, "another publisher took its place")
        publication = Publication(source_id, remote, now, self._limits, cut)
        self._running[source_id] = publication
        self._on_began(publication)
        return publication

    def leave(self, publication: Publication, reason: str) -> None:
        """A publisher is gone. Idempotent."""
        if self._running.get(publication.source_id) is publication:
            del self._running[publication.source_id]
            self._on_ended(publication, reason)
        publication.end(reason)


def _digest(key: str) -> bytes:
    return sha256(key.encode("utf-8", "replace")).digest()


def _ignore(publication: Publication) -> None:
    """Before somebody listens nobody does."""


def _ignore_end(publication: Publication, reason: str) -> None:
    """The same."""

"""A receiver whose packets are the messages of a publisher: the RTMP side of one stream.

To its stream it is a receiver like the others. It begins with what the publication kept since the
last key frame, so that a picture is there at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from media.pulling import NotPublishing, PublishSpec
from media.receive.pipeline import Pipeline
from media.receive.udp import Deliver
from media.rtmp.chunks import Message
from media.rtmp.publications import Publication, Publications
from media.rtmp.tags import Configured, Heard, Malformed, NotCarried, Picture, TagReader


class RtmpReceiver:
    """Listens to one publication."""

    def __init__(
        self,
        publications: Publications,
        pipeline: Pipeline,
        deliver: Deliver,
        *,
        on_closed: Callable[[], None],
    ) -> None:
        self.last_at = 0.0
        self.foreign = 0
        self.foreign_source: tuple[str, int] | None = None
        self.source: tuple[str, int] | None = None
        self._publications = publications
        self._pipeline = pipeline
        self._deliver = deliver
        self._on_closed = on_closed
        self._publication: Publication | None = None
        self._tags = TagReader()
        self._closed = False

    async def pull(self, spec: PublishSpec) -> None:
        """Take what is published.  Raises NotPublishing."""
        publication = self._publications.running(spec.source_id)
        if publication is None or self._closed:
            raise NotPublishing(spec.source_id)
        self._publication = publication
        self.source = publication.remote
        publication.join(self, monotonic())

    def take(self, messages: Iterable[Message], now: float) -> None:
        """Messages of the publisher."""
        self.last_at = now
        for message in messages:
            self._pipeline.count(len(message.data), now)
            item = self._tags.read(message)
            outs = []
            match item:
                case Configured(config):
                    self._pipeline.expect(config.codec, config.parameter_sets, None)
                case Picture():
                    outs = self._pipeline.picture(item.codec, item.data, item.pts, item.dts, now)
                case Heard():
                    outs = self._pipeline.sound(item.sound, item.data, item.pts, now)
                case NotCarried(video, codec):
                    self._pipeline.not_carried(codec, video=video)
                case Malformed():
                    self._pipeline.stats.bad_ps += 1
            if outs:
                self._deliver(outs)

    def ended(self, reason: str) -> None:
        """The publisher is gone."""
        self._publication = None
        if not self._closed:
            self._on_closed()

    def tick(self, now: float) -> None:
        """Nothing is due: the connection looks after its publisher itself."""

    def close(self) -> None:
        """Listen no more. Idempotent."""
        self._closed = True
        publication, self._publication = self._publication, None
        if publication is not None:
            publication.leave(self)

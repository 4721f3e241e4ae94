"""Opening a stream that runs for whoever may look at it; its bytes go out by `media.output.web`."""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.errors import Busy, Leg, LegFailed
from media.errors import MediaError, ViewersExhausted
from media.node import Sound, Viewer, Who
from media.output.web import Container

from .platform import Platform


@dataclass(frozen=True, slots=True)
class Ready:
    """A stream that runs, and who may look at it."""

    stream_id: str
    who: Who


def open_viewer(
    platform: Platform, ready: Ready, container: Container, audio: Sound | None
) -> Viewer:
    """A reader of a stream that is there."""
    try:
        return platform.node.open_viewer(
            ready.stream_id, container.kind, audio=audio or container.sound, who=ready.who
        )
    except ViewersExhausted as error:
        raise Busy("viewers_exhausted", str(error)) from error
    except MediaError as error:
        raise LegFailed(Leg.MEDIA_STOPPED, f"the stream ended: {error}") from error

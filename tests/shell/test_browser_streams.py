"""Which way a browser gets H.264: as it is, the sub stream, made, or an honest no."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gb28181.errors import Leg, LegFailed, NotFound
from gb28181.session.browsers import BrowserStreams
from gb28181.session.model import StreamKey
from gb28181.session.service import SessionService
from media.node import MediaNode
from media.unit import Codec

CHANNEL = "34020000001320000001"


class Sessions:
    """Streams by what they are; a missing one is a camera that has none."""

    def __init__(self, **codecs: Codec) -> None:
        self.codecs = codecs
        self.asked: list[str] = []

    async def live(self, channel_id: str, transport: Any = None, stream: str = "main") -> Any:
        self.asked.append(stream)
        if stream not in self.codecs:
            raise LegFailed(Leg.INVITE_REJECTED, "no such stream")
        video = SimpleNamespace(codec=self.codecs[stream])
        key = StreamKey(channel_id, cast(Any, stream))
        return SimpleNamespace(
            session=SimpleNamespace(stream_id=key.stream_id),
            statistics=SimpleNamespace(video=video),
        )


def streams(sessions: Sessions, most: int = 0) -> BrowserStreams:
    return BrowserStreams(
        cast(SessionService, sessions), cast(MediaNode, SimpleNamespace()), most, "0.0.0.0"
    )


async def test_h264_goes_as_it_is() -> None:
    sessions = Sessions(main=Codec.H264, sub=Codec.H264)
    view, key = await streams(sessions).live(CHANNEL)
    assert key == StreamKey(CHANNEL)
    assert view.session.stream_id == CHANNEL
    assert sessions.asked == ["main"]


async def test_the_sub_stream_before_anything_is_made() -> None:
    sessions = Sessions(main=Codec.H265, sub=Codec.H264)
    view, key = await streams(sessions, most=2).live(CHANNEL)
    assert key == StreamKey(CHANNEL, "sub")
    assert view.session.stream_id == f"{CHANNEL}-sub"


@pytest.mark.parametrize("codecs", [{}, {"sub": Codec.H265}])
async def test_an_honest_no_and_a_sub_stream_that_is_not_asked_again(
    codecs: dict[str, Codec],
) -> None:
    sessions = Sessions(main=Codec.H265, **codecs)
    browsers = streams(sessions)
    for _ in range(2):
        with pytest.raises(LegFailed) as caught:
            await browsers.live(CHANNEL)
        assert (caught.value.leg, caught.value.http_status) == (Leg.UNSUPPORTED_CODEC, 415)
    assert sessions.asked == ["main", "sub", "main"]
    with pytest.raises(NotFound):
        await browsers.wanted(f"h264-{CHANNEL}")

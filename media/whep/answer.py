"""From an offer to a peer and its answer: what the stream holds meets what the browser takes."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiortc import RTCCertificate

from media.describing import Described, describe_stream
from media.node import MediaNode
from media.ports import PortPool
from media.rtp.outlet import Outlet, Track
from media.whep.link import Link
from media.whep.peer import Peer
from media.whep.sdp import Agreed, Offer, OfferRefused, agree_audio, agree_video, read_offer
from media.whep.sdp import answer as answer_sdp

if TYPE_CHECKING:
    from media.whep.peers import WhepAsk

__all__ = ["OfferRefused", "answer", "new_certificate"]


def new_certificate() -> RTCCertificate:
    """A key pair for DTLS; the answer carries its fingerprint."""
    return RTCCertificate.generateCertificate()


async def answer(
    ask: WhepAsk,
    node: MediaNode,
    ports: PortPool,
    certificate: RTCCertificate,
    on_key_wanted: Callable[[], None],
) -> tuple[Peer, Offer, str]:
    """A peer that looks already, its offer, and the SDP to answer with.

    Raises OfferRefused, StreamUnknown, ViewersExhausted, PortsExhausted, MediaTimeout.
    """
    offer = read_offer(ask.offer)
    described = await describe_stream(node, ask.stream_id, ask.who.remote)
    video, audio = _agree(offer, described)
    heard: list[Callable[[bytes], None]] = []  # filled below: link and peer need each other
    link = Link(ports, ask.local, ask.hosts, certificate, lambda data: heard[0](data))
    try:
        outlet = Outlet("live", _track(video), _track(audio))
        peer = Peer(
            secrets.token_urlsafe(16),
            ask.name,
            ask.stream_id,
            ask.who,
            link,
            outlet,
            on_key_wanted=on_key_wanted,
        )
        heard.append(peer.heard)
        candidates = await link.candidates()
        peer.look(node)
    except BaseException:
        await link.close()
        raise
    tracks = [
        (agreed, track.ssrc)
        for agreed, track in ((video, outlet.video), (audio, outlet.audio))
        if agreed is not None and track is not None
    ]
    text = answer_sdp(offer, tracks, link.ice, link.dtls, candidates, secrets.randbits(62))
    return peer, offer, text


def _agree(offer: Offer, described: Described) -> tuple[Agreed | None, Agreed | None]:
    if described.reordered:
        raise OfferRefused(415, "the camera sends B frames, which WebRTC cannot carry")
    video = None if described.video is None else agree_video(offer, described.video)
    audio = agree_audio(offer, described.audio)
    if video is None and audio is None:
        raise OfferRefused(415, "there is nothing in the stream this browser takes")
    return video, audio


def _track(agreed: Agreed | None) -> Track | None:
    if agreed is None:
        return None
    return Track(
        agreed.payload_type,
        agreed.clock,
        ssrc=secrets.randbits(32),
        sequence=secrets.randbits(15),
        first_time=secrets.randbits(31),
    )

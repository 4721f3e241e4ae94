"""All targets by name: what is checked, and what it begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import (
    answers,
    http_multipart,
    http_sheet,
    manscdp_body,
    manscdp_commands,
    manscdp_ptz,
    manscdp_times,
    media_adts,
    media_clock,
    media_es,
    media_g711,
    media_nal,
    media_pipeline,
    media_probe,
    media_ps,
    media_psm,
    media_reorder,
    media_rtcp,
    media_rtmp,
    media_rtmp_publish,
    media_rtp,
    media_rtsp,
    media_rtsp_address,
    media_rtsp_push,
    media_segment,
    media_source_lock,
    media_spool,
    media_sps,
    media_tcp_frames,
    media_unpack,
    media_whep_offer,
    media_worker_wire,
    sip_brief,
    sip_digest,
    sip_headers,
    sip_message,
    sip_sdp,
    sip_stream,
    sip_uri,
)


@dataclass(frozen=True, slots=True)
class Target:
    """One decoder and its promise."""

    check: Callable[[bytes], None]
    """Raises when the promise is broken."""
    seeds: Callable[[], list[bytes]]
    longest: int
    """Bytes of the inputs atheris makes."""


TARGETS: dict[str, Target] = {
    module.__name__.rpartition(".")[2]: Target(
        module.check, module.seeds, getattr(module, "LONGEST", 4096)
    )
    for module in (
        *(sip_message, sip_stream, sip_brief, sip_uri, sip_headers, sip_sdp, sip_digest),
        *(manscdp_body, manscdp_commands, manscdp_ptz, manscdp_times, answers),
        *(media_rtp, media_tcp_frames, media_rtcp, media_reorder, media_source_lock),
        *(media_ps, media_psm, media_probe, media_es, media_nal, media_sps, media_clock),
        *(media_adts, media_g711, media_pipeline, media_spool, media_unpack, media_worker_wire),
        *(media_rtmp, media_rtmp_publish, media_rtsp, media_rtsp_address, media_rtsp_push),
        *(media_segment, media_whep_offer, http_multipart, http_sheet),
    )
}

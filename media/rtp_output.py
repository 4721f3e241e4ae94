"""A stream as RTP payloads, for players that speak RTSP or WebRTC (`media.rtp_pack`).

There is no header in front, only an empty bundle: what a player has to know it was told in SDP.
"""

from __future__ import annotations

from media.output import Output
from media.rtp_pack import bundle, empty
from media.rtp_sdp import audio_codec
from media.unit import AccessUnit, AudioFormat


class RtpOutput(Output):
    """Bundles of one stream."""

    def head(self, sound: AudioFormat | None) -> bytes:
        """A bundle without payloads, which says that the stream can be begun."""
        return empty(self.begins_at())

    def change(self, sound: AudioFormat | None) -> bytes:
        """Nothing: parameter sets stand in front of every key frame."""
        return b""

    def mux(self, unit: AccessUnit) -> bytes:
        return bundle(unit)

    @staticmethod
    def carries(audio: AudioFormat) -> bool:
        return audio_codec(audio) is not None

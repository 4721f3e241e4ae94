"""A stream as RTP payloads, for players that speak RTSP or WebRTC (`media.rtp.pack`).

In front stands what the tracks are, for whoever writes SDP of it.
"""

from __future__ import annotations

from media.output.container import Output
from media.rtp.pack import bundle, preface
from media.rtp.sdp import audio_codec
from media.unit import AccessUnit, AudioFormat, FormatChanged


class RtpOutput(Output):
    """Bundles of one stream."""

    adds_tracks = True

    def head(self, sound: AudioFormat | None) -> bytes:
        """The tracks as this viewer gets them."""
        return preface(FormatChanged(self.video, sound))

    def change(self, sound: AudioFormat | None) -> bytes:
        """The same, for who has promised the tracks to somebody; parameter sets stand in front of
        every key frame besides."""
        return self.head(sound)

    def mux(self, unit: AccessUnit) -> bytes:
        return bundle(unit)

    @staticmethod
    def carries(audio: AudioFormat) -> bool:
        return audio_codec(audio) is not None

"""Errors of the media package, ordered by who is at fault.

MediaError
  LocalError                 we used the package wrongly: a defect of this program
  RemoteError                the sender broke the rules
    StreamFormatError        bytes that are not what they claim to be
    UnsupportedCodec         well formed, but a codec this program does not carry
  PortsExhausted             no free port left in the configured range
  ViewersExhausted           the limit of viewers is reached
  StreamUnknown              no such stream here
  PartUnknown                no such segment or part of HLS (any more)
  ReloadRefused              a reload of HLS that cannot be waited for
  ReloadLate                 what a request of HLS waits for did not come in time
  MediaTimeout               nothing came in time, ``kind`` says what was waited for
  MediaConnectFailed         a TCP connection to the sender could not be made
  ReaderTooSlow              a viewer did not take its data

The packet path (``Pipeline.feed``) raises none of these: what a camera sends wrongly is counted,
never thrown into the loop that serves the other cameras.
"""

from __future__ import annotations


class MediaError(Exception):
    """Root of everything this package raises on purpose."""


class LocalError(MediaError):
    """The caller broke the contract of this package."""


class RemoteError(MediaError):
    """The sender broke the rules."""


class StreamFormatError(RemoteError):
    """Bytes that cannot be what they claim to be."""


class UnsupportedCodec(RemoteError):
    """A codec that is recognised but not carried."""

    def __init__(self, codec: str) -> None:
        super().__init__(f"codec not supported: {codec}")
        self.codec = codec


class PortsExhausted(MediaError):
    """Every port of the range is leased or resting."""


class ViewersExhausted(MediaError):
    """The stream or the node has as many viewers as it may have."""


class StreamUnknown(MediaError):
    """The stream id is not known here."""

    def __init__(self, stream_id: str) -> None:
        super().__init__(f"unknown stream: {stream_id}")
        self.stream_id = stream_id


class PartUnknown(MediaError):
    """The segment, part or initialisation segment is not there (any more)."""


class ReloadRefused(MediaError):
    """The player waits for something no playlist has led it to."""


class ReloadLate(MediaError):
    """The segment or part did not come in time, or too much is waited for already."""


class MediaTimeout(MediaError):
    """Media did not come in time; ``kind`` is ``first`` (never any) or ``gap`` (it stopped)."""

    def __init__(self, kind: str, seconds: float) -> None:
        super().__init__(f"no media ({kind}) for {seconds:.1f} s")
        self.kind = kind
        self.seconds = seconds


class MediaConnectFailed(MediaError):
    """The TCP connection to the sender failed after the last attempt."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(f"cannot connect to {host}:{port}: {reason}")
        self.host = host
        self.port = port
        self.reason = reason


class ReaderTooSlow(MediaError):
    """A viewer fell too far behind and was cut off."""

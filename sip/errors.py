"""The error tree of the SIP package. *Who is at fault* comes first.

    SipError
      LocalError             this program used the stack wrongly: a bug
      RemoteError            the peer broke the rules; `status_hint` is the answer it should get
        ParseError           the bytes are no SIP message; `message` holds what could be read
          MessageTooLarge    a bound on sizes was passed
        BadDigest            a challenge or credentials that cannot be used
      TransactionTimeout     timer B, F or H fired (RFC 3261 clause 17)
      TransportFailed        the operating system would not send; `cause` is its error

Decoders raise `ParseError` and nothing else; `OSError` never leaves the transport.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sip.message import Request, Response

SAMPLE_BYTES = 64


class SipError(Exception):
    """Anything this package raises on purpose."""


class LocalError(SipError):
    """The caller broke a rule of the stack (a header with a line end, a wrong state)."""


class RemoteError(SipError):
    """The peer broke a rule. The text is safe to log: the raw bytes are kept apart in `sample`."""

    def __init__(
        self, text: str, *, status_hint: int = 400, offset: int = 0, sample: bytes = b""
    ) -> None:
        super().__init__(text)
        self.status_hint = status_hint
        self.offset = offset
        self.sample = sample[:SAMPLE_BYTES]


class ParseError(RemoteError):
    """The bytes do not make a message.

    `message` is the message as far as it could be read, so that an error response can be built
    from its Via, From, To, Call-ID and CSeq; None where not even the header block was readable.
    """

    def __init__(
        self,
        text: str,
        *,
        status_hint: int = 400,
        offset: int = 0,
        sample: bytes = b"",
        message: Request | Response | None = None,
    ) -> None:
        super().__init__(text, status_hint=status_hint, offset=offset, sample=sample)
        self.message = message


class MessageTooLarge(ParseError):
    """Header block, header count, line or body above its bound: 513, or 400 for the headers."""


class BadDigest(RemoteError):
    """A digest challenge or credentials outside RFC 2617 and RFC 7616."""


class TransactionTimeout(SipError):
    """No final response came within 64 x T1."""


class TransportFailed(SipError):
    """Sending failed for good; `cause` is the error of the operating system, if there was one."""

    def __init__(self, text: str, cause: BaseException | None = None) -> None:
        super().__init__(text)
        self.cause = cause

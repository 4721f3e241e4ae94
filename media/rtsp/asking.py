"""What an RTSP client asks on one connection, one request at a time, and which reply is its own.

A 401 is answered once per request. Whoever asks (`pull`, `push`) decides what follows from a reply.

RFC 2326 6 (requests), 12.17 (CSeq), 12.37 (Session).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from media.rtsp.credentials import Credentials
from media.rtsp.reply import Reply

ANSWER_S: Final = 5.0
"""For each answer of the other side."""
TIMEOUT_S: Final = 60.0
"""Of a session whose server names none."""
LEAST_KEEPALIVE_S: Final = 5.0
MOST_SESSION: Final = 256
"""Characters of a session's name."""
AGENT: Final = "gb28181"


@dataclass(frozen=True, slots=True)
class Send:
    """To the other side."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer that is no 200."""

    status: int
    phrase: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer in time, or nothing that is RTSP."""

    reason: str


class Asker:
    """The requests of one connection."""

    def __init__(self, credentials: Credentials) -> None:
        self.method = ""
        """Of the last request."""
        self.timeout_s = TIMEOUT_S
        """Of the session, as the server says."""
        self._credentials = credentials
        self._cseq = 0
        self._uri = ""
        self._more: tuple[str, ...] = ()
        self._body = b""
        self._session = ""
        self._answered_401 = False

    @property
    def in_session(self) -> bool:
        """The server has named a session."""
        return bool(self._session)

    @property
    def keepalive_s(self) -> float:
        """Between two signs of life."""
        return max(LEAST_KEEPALIVE_S, self.timeout_s / 2)

    def ask(self, method: str, uri: str, more: tuple[str, ...] = (), body: bytes = b"") -> Send:
        """A new request; `more` are headers."""
        self.method, self._uri, self._more, self._body = method, uri, more, body
        self._answered_401 = False
        return self._write()

    def is_answer(self, reply: Reply) -> bool:
        """Whether it is the final reply to the last request."""
        return reply.get("cseq").strip() == str(self._cseq) and reply.status >= 200

    def again(self, reply: Reply) -> Send | None:
        """The same request with credentials, where the reply wants some and there are some."""
        if reply.status != 401 or not self._credentials.given or self._answered_401:
            return None
        self._answered_401 = True
        if not self._credentials.challenged(reply.headers.get("www-authenticate", [])):
            return None
        return self._write()

    def join(self, reply: Reply) -> None:
        """Take over the session a reply to SETUP names, and its time-out."""
        session, _, more = reply.get("session").partition(";")
        self._session = session.strip()[:MOST_SESSION] or self._session
        name, _, value = more.partition("=")
        if name.strip().lower() == "timeout" and value.strip().isdecimal() and len(value) < 6:
            self.timeout_s = max(2 * LEAST_KEEPALIVE_S, float(value))

    def _write(self) -> Send:
        self._cseq += 1
        lines = [
            f"{self.method} {self._uri} RTSP/1.0",
            f"CSeq: {self._cseq}",
            f"User-Agent: {AGENT}",
            *self._more,
        ]
        if self._session:
            lines.append(f"Session: {self._session}")
        answer = self._credentials.answer(self.method, self._uri)
        if answer is not None:
            lines.append(f"Authorization: {answer}")
        if self._body:
            lines.append(f"Content-Length: {len(self._body)}")
        return Send("\r\n".join([*lines, "", ""]).encode("utf-8", "replace") + self._body)


def channel_of(transport: str) -> int | None:
    """The first interleaved channel a Transport header names."""
    for part in transport.lower().split(";"):
        name, _, value = part.strip().partition("=")
        first = value.partition("-")[0]
        if name == "interleaved" and first.isascii() and first.isdecimal() and len(first) < 4:
            return int(first)
    return None

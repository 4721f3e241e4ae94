"""Evidence: what was done in an item, and every message on the wire meanwhile, made readable.

Built from the frames the recorder hands over (without secrets); nothing here raises on bad input,
because a message that cannot be read is evidence, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from xml.etree.ElementTree import Element

from gb28181.manscdp import BadXml, decode, xml
from gb28181.trace.frame import Frame
from sip.errors import ParseError
from sip.message import Request, Response
from sip.parser import parse_datagram

from .model import Edition

MOST_SEEN = 2_000
"""Messages kept of one item."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One message; what could not be read of it is empty."""

    frame: Frame
    sip: Request | Response | None
    problem: str = ""
    """Why it is no SIP, or its body no MANSCDP."""
    root: str = ""
    command: str = ""
    sn: str = ""
    device_id: str = ""
    charset: str = ""
    tree: Element | None = None

    @property
    def at(self) -> float:
        return self.frame.at

    @property
    def incoming(self) -> bool:
        return self.frame.incoming

    @property
    def method(self) -> str:
        """Of a request, or of the request a response answers."""
        if isinstance(self.sip, Request):
            return self.sip.method
        try:
            return "" if self.sip is None else self.sip.cseq.method
        except ParseError:
            return ""

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return self.sip.status if isinstance(self.sip, Response) else 0

    @property
    def request(self) -> bool:
        return isinstance(self.sip, Request)

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    @property
    def key(self) -> tuple[str, str]:
        """What a request and its responses share."""
        return self.call_id, self.header("CSeq")

    def header(self, name: str) -> str:
        return "" if self.sip is None else (self.sip.headers.get(name) or "")

    def user(self, header: str) -> str:
        """The id in From or To."""
        if self.sip is None:
            return ""
        try:
            value = self.sip.from_ if header == "From" else self.sip.to
        except ParseError:
            return ""
        return value.uri.plain_user

    def text(self, name: str) -> str:
        """A child element of the body."""
        return "" if self.tree is None else xml.child_text(self.tree, name)

    @property
    def body(self) -> bytes:
        return b"" if self.sip is None else self.sip.body

    def is_(self, root: str, command: str) -> bool:
        """A request of the device with this body."""
        same = self.command.lower() == command.lower()
        return self.incoming and self.request and self.root == root and same


def seen(frame: Frame) -> Seen:
    """A frame, read."""
    try:
        message = parse_datagram(frame.data)
    except ParseError as error:
        return Seen(frame, None, str(error))
    kind = (message.headers.get("Content-Type") or "").lower()
    if not message.body or "manscdp" not in kind:
        return Seen(frame, message)
    try:
        body = decode(message.body)
    except BadXml as error:
        return Seen(frame, message, str(error))
    return Seen(
        frame,
        message,
        "",
        body.root,
        body.command,
        body.sn,
        body.device_id,
        body.charset,
        body.tree,
    )


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that was done, and how it ended."""

    what: str
    error: str = ""
    """Code of the platform's error; empty: it worked."""
    message: str = ""
    sip_status: int | None = None
    seconds: float = 0.0
    value: Any = None

    @property
    def ok(self) -> bool:
        return not self.error

    @property
    def refused(self) -> bool:
        """The device said no, rather than nothing."""
        return self.error in ("device_refused", "invite_rejected")


@dataclass(slots=True)
class Evidence:
    """Of one item, or, for what is judged at the end, of the whole run."""

    edition: Edition
    device_id: str
    server_id: str
    channel_code: str = ""
    """The channel that is examined, by the device's code; empty: it has none."""
    acts: list[Act] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    """What an item noted for its checks."""
    dropped: int = 0

    def add(self, message: Seen) -> None:
        if len(self.seen) < MOST_SEEN:
            self.seen.append(message)
        else:
            self.dropped += 1

    def act(self, what: str) -> Act | None:
        """The last one of this name."""
        return next((act for act in reversed(self.acts) if act.what == what), None)

    def where(self, test: Callable[[Seen], bool]) -> Iterator[Seen]:
        return (message for message in self.seen if test(message))

    def bodies(self, root: str, command: str) -> list[Seen]:
        """Requests of the device with such a body, each once (repetitions left out)."""
        found: dict[tuple[str, str], Seen] = {}
        for message in self.seen:
            if message.is_(root, command):
                found.setdefault(message.key, message)
        return list(found.values())

    def requests(self, method: str, *, incoming: bool) -> list[Seen]:
        """Requests of one side, repetitions left out."""
        found: dict[tuple[str, str], Seen] = {}
        for message in self.seen:
            if message.request and message.method == method and message.incoming is incoming:
                found.setdefault(message.key, message)
        return list(found.values())

    def answer(self, request: Seen) -> Seen | None:
        """The final response to a request."""
        for message in self.seen:
            if message.key == request.key and message.status >= 200:
                return message
        return None

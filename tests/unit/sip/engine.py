"""What the tests of the SIP machines share: literal requests, and a driver with a fake clock."""

from __future__ import annotations

from sip.message import Request, Response
from sip.parser import parse_datagram
from sip.transaction import Effect, Input, Machine, Send

BRANCH = "z9hG4bK776asdhds"


def request(
    method: str = "MESSAGE",
    *,
    branch: str | None = BRANCH,
    via: str | None = None,
    call_id: str = "a84b4c76e66710",
    number: int = 314159,
    cseq_method: str | None = None,
    to_tag: str = "",
    from_tag: str = "1928301774",
    uri: str = "sip:34020000002000000001@3402000000",
    extra: str = "",
    body: bytes = b"",
) -> Request:
    if via is None:
        via = "SIP/2.0/UDP 192.168.1.64:5060;rport" + (f";branch={branch}" if branch else "")
    text = (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: {via}\r\n"
        f"From: <sip:34020000001320000001@3402000000>;tag={from_tag}\r\n"
        f"To: <sip:34020000002000000001@3402000000>{';tag=' + to_tag if to_tag else ''}\r\n"
        f"Call-ID: {call_id}\r\n"
        f"CSeq: {number} {cseq_method or method}\r\n"
        f"Max-Forwards: 70\r\n{extra}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    message = parse_datagram(text.encode() + body)
    assert isinstance(message, Request)
    return message


def response(status: int, to: Request, *, tag: str = "9fxced76sl", extra: str = "") -> Response:
    headers = to.headers
    text = (
        f"SIP/2.0 {status} Reason\r\n"
        f"Via: {headers.get('Via')}\r\n"
        f"From: {headers.get('From')}\r\n"
        f"To: {headers.get('To')};tag={tag}\r\n"
        f"Call-ID: {headers.get('Call-ID')}\r\n"
        f"CSeq: {headers.get('CSeq')}\r\n{extra}"
        "Content-Length: 0\r\n\r\n"
    )
    message = parse_datagram(text.encode())
    assert isinstance(message, Response)
    return message


def run(machine: Machine, until: float) -> list[tuple[float, Effect]]:
    """Wake the machine at each of its deadlines up to a time; what it asked for, with times."""
    seen: list[tuple[float, Effect]] = []
    while machine.deadline is not None and machine.deadline <= until:
        at = machine.deadline
        seen += [(at, effect) for effect in machine.handle(Input.TICK, at)]
    return seen


def sent_at(seen: list[tuple[float, Effect]]) -> list[float]:
    return [at for at, effect in seen if isinstance(effect, Send)]

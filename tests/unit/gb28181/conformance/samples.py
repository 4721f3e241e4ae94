"""Evidence made by hand: frames as the recorder hands them over."""

from __future__ import annotations

from gb28181.conformance.evidence import Evidence, seen
from gb28181.conformance.model import Edition
from gb28181.trace.frame import Frame

SERVER = "64010000002000000001"
DEVICE = "64010400001180000001"
CHANNEL = "64010400001310000001"
_US, _IT = ("192.0.2.1", 5060), ("192.0.2.9", 5060)


def request(
    method: str, body: str = "", *, call_id: str = "1", cseq: int = 1, **more: str
) -> bytes:
    """A request; `more` sets headers, `to` and `from_` the ids."""
    to, from_ = more.pop("to", SERVER), more.pop("from_", DEVICE)
    kind = more.pop("kind", "Application/MANSCDP+xml")
    lines = [
        f"{method} sip:{to}@192.0.2.1:5060 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{call_id}{cseq}",
        f"From: <sip:{from_}@6401000000>;tag=a",
        f"To: <sip:{to}@6401000000>",
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in more.items()),
    ]
    data = body.replace("\n", "\r\n").encode("gb18030")
    if data:
        lines.append(f"Content-Type: {kind}")
    return "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""]).encode() + data


def response(
    status: int, method: str, body: str = "", *, call_id: str = "1", cseq: int = 1, **more: str
) -> bytes:
    """The answer to `request` of the same numbers."""
    _, _, rest = request(method, body, call_id=call_id, cseq=cseq, **more).partition(b"\r\n")
    return b"SIP/2.0 %d Said\r\n" % status + rest


def body(root: str, command: str, inner: str = "", *, sn: str = "7", device: str = DEVICE) -> str:
    """A MANSCDP body."""
    return (
        f'<?xml version="1.0" encoding="GB2312"?>\n<{root}>\n<CmdType>{command}</CmdType>\n'
        f"<SN>{sn}</SN>\n<DeviceID>{device}</DeviceID>\n{inner}</{root}>\n"
    )


def evidence(*messages: tuple[float, str, bytes], edition: Edition = Edition.OF_2016) -> Evidence:
    """(time, `in` or `out`, bytes) as evidence."""
    made = Evidence(edition, DEVICE, SERVER, CHANNEL)
    for at, way, data in messages:
        made.add(seen(Frame(at, way == "in", "udp", _US, _IT, 0, data, len(data))))
    return made

"""Writes into the top Via where a request came from: `received` (RFC 3261 §18.2.1), `rport` (RFC
3581)."""

from sip.flow import Address
from sip.message import Request


def stamp(request: Request, source: Address) -> None:
    """The usual case, one Via that asks for rport, is a change of text; the rest is parsed."""
    headers = request.headers
    text = headers.get("Via") or ""
    at = text.find(";rport")
    if at >= 0 and "," not in text and '"' not in text and ";received" not in text:
        end = at + 6
        if end == len(text) or text[end] == ";":
            host, port = source
            headers.replace_first("Via", f"{text[:at]};received={host};rport={port}{text[end:]}")
            return
    request.stamp_source(*source)

"""MESSAGE requests of ours (GB/T 28181-2022 6.1.2, table of headers): to a device, about anything.

Request-URI: the device at the address it speaks from. From: we, by our id and domain. To: the
device, by its id and the first ten digits of it. Via and Max-Forwards are the endpoint's.
"""

from __future__ import annotations

from gb28181.device.model import Device
from sip.endpoint import Endpoint
from sip.flow import Flow, host_port
from sip.headers import Headers
from sip.message import Request

CONTENT_TYPE = "Application/MANSCDP+xml"


class Outgoing:
    """Builds requests; sends nothing."""

    def __init__(self, endpoint: Endpoint, server_id: str, domain: str) -> None:
        self._endpoint = endpoint
        self._from = f"<sip:{server_id}@{domain}>;tag="
        self._cseq = 0

    def message(self, device: Device, flow: Flow, body: bytes, target: str = "") -> Request:
        """A MESSAGE for a device, or for one of its channels (`target`, the device's code)."""
        user = target or device.device_id
        self._cseq = self._cseq % 0x7FFFFFFF + 1
        headers = Headers(
            (
                ("From", self._from + self._endpoint.new_tag()),
                ("To", f"<sip:{user}@{device.device_id[:10]}>"),
                ("Call-ID", self._endpoint.new_call_id()),
                ("CSeq", f"{self._cseq} MESSAGE"),
                ("Content-Type", CONTENT_TYPE),
            )
        )
        return Request("MESSAGE", f"sip:{user}@{host_port(flow.remote)}", headers, body)

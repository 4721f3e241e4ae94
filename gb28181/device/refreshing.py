"""The brief way of REGISTER: a device that is online registers again and says what it said before.

Nearly every REGISTER of a running platform is one of these. Whatever `registrar.py` would read out
of it (Contact, Expires, edition, habits) follows from texts that are the same as the last time, so
the answer is remembered with those texts, and of the request only the credentials are looked at.
Anything new (another text, address, Call-ID or setting, a Date, wrong credentials, a device that
is not online) is left alone and goes the complete way, which a test holds together with this one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gb28181.device.clock import date_header
from gb28181.device.estate import Estate
from gb28181.device.model import Device, Said
from gb28181.device.registrar import Accept, Challenge, Registrar
from gb28181.device.state import DeviceState
from sip.brief import Brief
from sip.flow import Flow
from sip.message import Request
from sip.server_side import BriefAnswer


def said(request: Request, device: Device, decision: Accept, lines: str) -> Said | None:
    """What to remember of a REGISTER that was accepted; None for one that cannot be brief."""
    headers = request.headers
    if device.flow is not device.peer or device.trial is not None or "Date" in headers:
        return None
    rest = [f"{name}: {value}\r\n" for name, value in headers if name != "Authorization"][5:]
    words = (request.uri, request.to_user, request.call_id, "".join(rest))
    return Said(words, decision.digest_uri, device.policy, decision.expires_s, lines)


class Refreshing:
    """One per node."""

    def __init__(
        self,
        estate: Estate,
        registrar: Registrar,
        challenge_lines: str,
        on_success: Callable[[str], None],
    ) -> None:
        """`challenge_lines` stand in every 401; `on_success` is told the id of who is let in."""
        self._estate = estate
        self._registrar = registrar
        self._challenge_lines = challenge_lines
        self._on_success = on_success

    def on_brief(self, brief: Brief, flow: Flow) -> BriefAnswer | None:
        """One brief REGISTER; None leaves it to the complete way."""
        estate = self._estate
        device, now = estate.devices.get(brief.user), estate.clock.now()
        if (
            device is None
            or (device.peer is not flow and device.peer != flow)
            or device.flow is not device.peer
            or device.trial is not None
            or not device.presence.registered(now)
        ):
            return None
        if brief.authorization:
            return self._refresh(device, brief, flow, now)
        challenge = self._registrar.challenge_live(device, flow, now)
        if not isinstance(challenge, Challenge):
            return None
        return 401, f"{self._challenge_lines}WWW-Authenticate: {challenge.value}\r\n"

    def _refresh(self, device: Device, brief: Brief, flow: Flow, now: float) -> BriefAnswer | None:
        before, estate = device.said, self._estate
        if (
            before is None
            or before.policy is not device.policy
            or before.words != (brief.uri, brief.to_user, brief.call_id, brief.tail)
            or device.presence.state is not DeviceState.ONLINE
            or not self._registrar.knows(device, flow, brief.authorization, before.digest_uri, now)
        ):
            return None
        self._on_success(device.device_id)
        civil, registration = estate.clock.civil(), device.registration
        registration.registered_at = civil
        registration.expires_at = civil + timedelta(seconds=before.expires_s)
        estate.prolong(device, before.expires_s)
        for listener in estate.on_registration:
            listener(device.device_id, brief.call_id)
        if not device.policy.date_header:
            return 200, before.lines
        return 200, f"{before.lines}Date: {date_header(civil)}\r\n"

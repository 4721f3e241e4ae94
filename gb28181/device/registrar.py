"""REGISTER: what to answer, as a pure decision (GB/T 28181-2022 9.1, RFC 3261 10.3, contract).

`decide` reads one request, asks digest server, budgets and lock-outs, and returns what is to be
done; sending, storing and telling is the service's. The order of the checks is the rule:

1. the id must be one (20 digits, not ours) and may be refused by policy;
2. without credentials: one challenge, within the budget of (address, id);
3. locked out: 403 unread. The device's own live flow has a lock of its own, so that a guesser
   behind the same NAT cannot lock the device out;
4. credentials: old nonce or repeated nc -> a fresh challenge; wrong -> 403; right -> go on.

A refresh is authenticated like the first one: the Call-ID is visible to everybody on the path.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from catalog.ids import is_gb_id
from gb28181.device import redirect
from gb28181.device.limits import Budget, Lockout
from gb28181.device.model import ASSUMED_VERSION, GB_2022, Device, parse_version
from gb28181.device.options import DeviceOptions
from gb28181.device.policy import DevicePolicy
from gb28181.device.redirect import Server
from sip.digest import Credentials, DigestServer, Verdict, find_digest
from sip.errors import BadDigest, ParseError
from sip.flow import Flow
from sip.message import Request

CHALLENGES_PER_S = 20.0
CHALLENGE_BURST = 50.0
"""Challenges for one (address, id)."""
STRANGERS_PER_S = 1000.0
STRANGER_BURST = 20_000.0
"""Challenges per address for ids nobody knows: a whole city may come for the first time."""
MOST_CONTACT = 512


@dataclass(frozen=True, slots=True)
class Challenge:
    """401 with this WWW-Authenticate."""

    value: str
    stale: bool


@dataclass(frozen=True, slots=True)
class Refuse:
    status: int
    reason: str
    failed: bool = False
    """A wrong password (or user) was given."""


@dataclass(frozen=True, slots=True)
class Drop:
    """No answer: a budget is used up."""

    limit: str


@dataclass(frozen=True, slots=True)
class Pending:
    """Right password, unknown or unapproved id: an operator has to say yes."""


@dataclass(frozen=True, slots=True)
class Accept:
    expires_s: int
    contact: str
    """As it is echoed, without parameters."""
    digest_uri: str
    gb_version: str | None
    """None when the request had none: the last known one stays."""


@dataclass(frozen=True, slots=True)
class Unregister:
    contact: str
    digest_uri: str


@dataclass(frozen=True, slots=True)
class Redirect:
    """302: it is to register elsewhere (2022 9.1.2.3)."""

    server: Server
    expires_s: int
    digest_uri: str
    gb_version: str | None


Decision = Challenge | Refuse | Drop | Pending | Accept | Unregister | Redirect


class Registrar:
    """Decides; keeps nothing but budgets and lock-outs."""

    def __init__(self, options: DeviceOptions, digest: DigestServer) -> None:
        self._options = options
        self._digest = digest
        self._challenges = Budget(CHALLENGES_PER_S, CHALLENGE_BURST)
        self._strangers = Budget(STRANGERS_PER_S, STRANGER_BURST)
        self._lockout = Lockout(options.auth_failures, options.auth_window_s)

    def decide(self, request: Request, flow: Flow, device: Device | None, now: float) -> Decision:
        """`device` is what is known under the id of the request, if anything."""
        device_id = request.from_user
        if not is_gb_id(device_id) or device_id == self._options.server_id:
            return Refuse(403, "bad_id")
        if device is None and self._options.unknown == "refuse":
            return Refuse(403, "unknown_id")
        value = self._authorization(request)
        policy = self._options.policy if device is None else device.policy
        key = self._key(device_id, flow, device, now)
        if value is None:
            return self._challenge(device_id, flow, device, policy, key, now)
        if self._lockout.locked(key, now):
            return Refuse(403, "locked_out")
        return self._judge(request, value, device_id, flow, device, policy, key, now)

    # What the brief way asks (`refreshing.py`); the device is live on this flow.

    def challenge_live(self, device: Device, flow: Flow, now: float) -> Decision:
        """`decide` for a request without credentials."""
        device_id = device.device_id
        key = (flow.transport, flow.remote, device_id)
        return self._challenge(device_id, flow, device, device.policy, key, now)

    def knows(self, device: Device, flow: Flow, value: str, uri: str, now: float) -> bool:
        """Whether `decide` would find these credentials right, and `uri` in them. False leaves no
        trace: the request is looked at again."""
        key = (flow.transport, flow.remote, device.device_id)
        if value[:7].lower() != "digest " or self._lockout.locked(key, now):
            return False
        try:
            given = Credentials.parse(value)
        except BadDigest:
            return False
        if given.username != device.device_id or given.uri != uri or not device.record.approved:
            return False
        password = self._password(device)
        if self._digest.verify(given, "REGISTER", password, now) is not Verdict.OK:
            return False
        self._lockout.succeeded(key)
        return True

    def _password(self, device: Device | None) -> str:
        own = None if device is None else device.record.password
        return self._options.default_password if own is None else own

    def _authorization(self, request: Request) -> str | None:
        """The credentials for our realm; other schemes count as absent."""
        values = request.headers.get_all("Authorization")
        if len(values) == 1 and values[0][:7].lower() == "digest ":
            return values[0]  # spares the usual request a second parse
        return find_digest(values, self._digest.realm)

    def _key(self, device_id: str, flow: Flow, device: Device | None, now: float) -> Hashable:
        """Whom limits count for: the device's own live flow is not its neighbour's."""
        if device is not None and device.peer == flow and device.presence.registered(now):
            return flow.transport, flow.remote, device_id
        return flow.remote[0], device_id

    def _challenge(
        self,
        device_id: str,
        flow: Flow,
        device: Device | None,
        policy: DevicePolicy,
        key: Hashable,
        now: float,
    ) -> Decision:
        if not self._challenges.allow(key, now):
            return Drop("challenges of one id")
        if device is None and not self._strangers.allow(flow.remote[0], now):
            return Drop("challenges of unknown ids")
        return Challenge(self._digest.challenge(now, policy.algorithm, policy.qop), stale=False)

    def _judge(
        self,
        request: Request,
        value: str,
        device_id: str,
        flow: Flow,
        device: Device | None,
        policy: DevicePolicy,
        key: Hashable,
        now: float,
    ) -> Decision:
        try:
            given = Credentials.parse(value)
        except BadDigest as error:
            return Refuse(400, f"credentials: {error}")
        if given.username != device_id:
            self._lockout.failed(key, now)
            return Refuse(403, "username_differs", failed=True)
        verdict = self._digest.verify(given, request.method, self._password(device), now)
        if verdict is Verdict.STALE:
            fresh = self._digest.challenge(now, policy.algorithm, policy.qop, stale=True)
            return Challenge(fresh, stale=True)
        if verdict is not Verdict.OK:
            if verdict is Verdict.MALFORMED:
                return Refuse(400, "credentials")
            self._lockout.failed(key, now)
            return Refuse(403, "wrong_password", failed=True)
        self._lockout.succeeded(key)
        return self._admit(request, given.uri, flow, device, now)

    def _admit(
        self, request: Request, digest_uri: str, flow: Flow, device: Device | None, now: float
    ) -> Decision:
        asked = asked_expires(request)
        contact = contact_of(request, flow)
        if request.has_wildcard_contact or asked == 0:
            return Unregister("" if request.has_wildcard_contact else contact, digest_uri)
        if device is None and self._options.unknown == "approve":
            return Pending()
        if device is not None:
            if not device.record.approved:
                return Pending()
            if (
                device.policy.duplicate == "refuse"
                and device.presence.registered(now)
                and device.peer is not None
                and device.peer.remote[0] != flow.remote[0]
            ):
                return Refuse(403, "duplicate")
        version = gb_version_of(request)
        server = self._elsewhere(device, version)
        if server is not None:
            return Redirect(server, self._grant(asked), digest_uri, version)
        return Accept(self._grant(asked), contact, digest_uri, version)

    def _elsewhere(self, device: Device | None, version: str | None) -> Server | None:
        """The server of this device's own setting; else that of the node, which counts only for
        devices whose edition knows redirection. Never this server itself."""
        own = "" if device is None else device.policy.redirect
        if not own:
            spoken = version or ("" if device is None else device.registration.gb_version)
            if (parse_version(spoken) or ASSUMED_VERSION) < GB_2022:
                return None
        text = own or self._options.redirect
        server = redirect.parse(text) if text else None
        return None if server is None or server.server_id == self._options.server_id else server

    def _grant(self, asked: int | None) -> int:
        options = self._options
        if asked is None:
            return options.expires_default
        return max(options.expires_min, min(options.expires_max, asked))


def asked_expires(request: Request) -> int | None:
    """The wanted registration time: of the Contact, else of Expires; None when neither is a
    number (RFC 3261 10.2.1.1; a malformed one counts as absent)."""
    contact = request.contact
    text = contact.params.get("expires") if contact is not None else None
    if text is not None and text.isascii() and text.isdigit():
        return int(text[:10])
    try:
        return request.expires
    except ParseError:
        return None


def contact_of(request: Request, flow: Flow) -> str:
    """The Contact to echo: as sent, without its parameters; made up when there was none."""
    contact = request.contact
    if contact is not None:
        return f"<{contact.uri}>"[:MOST_CONTACT]
    host, port = flow.remote
    shown = f"[{host}]" if ":" in host else host
    return f"<sip:{request.from_user}@{shown}:{port}>"


def gb_version_of(request: Request) -> str | None:
    """X-GB-Ver as `m.n`, or None when absent or something else."""
    text = (request.headers.get("X-GB-Ver") or "").strip()
    return text if parse_version(text) is not None and len(text) <= 8 else None

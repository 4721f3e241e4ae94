"""A dialog (RFC 3261 §12): what has to be known to send a request inside a call, and to judge one.

Plain data, so that it can be stored and built again after a restart: a call of the run before is
ended with a BYE made from a row of the database. Not here: what state the call is in, media,
transactions.

Cameras announce Contacts that cannot be reached: private addresses behind NAT, `0.0.0.0`, or the
10-digit domain. The remote target stays as announced; `aim_at` puts the address that packets
really come from in its place, where the owner knows better.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field

from sip.errors import LocalError, ParseError
from sip.flow import Address, host_port
from sip.headers import Headers, NameAddr, parse_list
from sip.message import Request, Response
from sip.uri import SipUri

# RFC 1918, 3927, 4193, 4291, 6598. Not `is_private`, which counts documentation networks too.
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"),
        *("fc00::/7", "fe80::/10"),
    )
)
_NO_CSEQ = frozenset({"ACK", "CANCEL"})
_REFRESHING = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})


@dataclass(slots=True)
class Dialog:
    call_id: str
    local_uri: str
    """From of our requests, without tag, as it stood in the first one: `<sip:...>`."""
    local_tag: str
    remote_uri: str
    """To of our requests, without tag."""
    remote_tag: str
    """"" for a peer of RFC 2543, which sends none."""
    local_cseq: int
    """Of the last request sent; 0 when we have sent none."""
    remote_cseq: int | None
    """Of the last request received."""
    remote_target: str
    """The peer's Contact: Request-URI of our requests, unless `target_override` is set."""
    route_set: tuple[str, ...] = ()
    """Values of Route, in the order in which we send them."""
    contact: str = ""
    """Our Contact, `<sip:...>`, put into requests that need one."""
    target_override: str = ""
    invite_cseq: int = field(default=0)
    """CSeq of the INVITE: the ACK carries the same number, however many requests came after."""

    @classmethod
    def of_client(cls, request: Request, response: Response) -> "Dialog":
        """§12.1.2: we sent the request, the response (101-299) creates the dialog.

        A 200 without Contact is a breach of the RFC that some cameras commit: then the Request-URI
        stays the target. Raises ParseError where From, To or CSeq cannot be read.
        """
        number = request.cseq.number
        return cls(
            call_id=request.call_id,
            local_uri=_without_tag(request.headers.get("From") or ""),
            local_tag=request.from_.tag or "",
            remote_uri=_without_tag(response.headers.get("To") or ""),
            remote_tag=response.to.tag or "",
            local_cseq=number,
            remote_cseq=None,
            remote_target=_contact_uri(response) or request.uri,
            route_set=tuple(reversed(_routes(response.headers.get_all("Record-Route")))),
            contact=request.headers.get("Contact") or "",
            invite_cseq=number,
        )

    @classmethod
    def of_server(cls, request: Request, local_tag: str, contact: str) -> "Dialog":
        """§12.1.1: we received the request and answer with this tag and Contact."""
        return cls(
            call_id=request.call_id,
            local_uri=_without_tag(request.headers.get("To") or ""),
            local_tag=local_tag,
            remote_uri=_without_tag(request.headers.get("From") or ""),
            remote_tag=request.from_.tag or "",
            local_cseq=0,
            remote_cseq=request.cseq.number,
            remote_target=_contact_uri(request) or str(request.from_.uri),
            route_set=tuple(_routes(request.headers.get_all("Record-Route"))),
            contact=contact,
            invite_cseq=request.cseq.number,
        )

    @property
    def target(self) -> str:
        return self.target_override or self.remote_target

    def aim_at(self, address: Address) -> None:
        """Send requests to this address; the user part the peer announced stays."""
        try:
            user = SipUri.parse(self.remote_target).user
        except ParseError:
            user = None
        where = host_port(address)
        self.target_override = f"sip:{user}@{where}" if user else f"sip:{where}"

    def request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The next request of the dialog (§12.2.1.1); the endpoint adds the Via."""
        if method in _NO_CSEQ:
            raise LocalError(f"{method} takes the CSeq of another request")
        self.local_cseq += 1
        request = self._build(method, self.local_cseq)
        if self.contact and method in _REFRESHING:
            request.headers.add("Contact", self.contact)
        _fill(request, headers, body, content_type)
        return request

    def ack(
        self,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
        cseq: int | None = None,
    ) -> Request:
        """The ACK of a 2xx (§13.2.2.4): a request of its own, with the CSeq number of the INVITE.

        Its Request-URI is the Contact of the 200. `cseq` names a later INVITE of the same dialog.
        """
        request = self._build("ACK", self.invite_cseq if cseq is None else cseq)
        _fill(request, headers, body, content_type)
        return request

    def check(self, request: Request) -> int | None:
        """Judges a request that came in: 481 not of this dialog, 500 out of order, None good.

        The number of a good one is remembered (§12.2.2), and its Contact where it refreshes the
        target.
        """
        if request.call_id != self.call_id or (request.to.tag or "") != self.local_tag:
            return 481
        tag = request.from_.tag or ""
        if self.remote_tag and tag != self.remote_tag:
            return 481
        number = request.cseq.number
        if request.method != "ACK":
            if self.remote_cseq is not None and number < self.remote_cseq:
                return 500
            self.remote_cseq = number
        if request.method in _REFRESHING:
            self._refresh(_contact_uri(request))
        return None

    def refresh(self, response: Response) -> None:
        """A 2xx to a re-INVITE may carry a new Contact (§12.2.1.2)."""
        self._refresh(_contact_uri(response))

    def _refresh(self, target: str | None) -> None:
        if target:
            self.remote_target = target

    def _build(self, method: str, number: int) -> Request:
        uri, routes = self._route()
        headers = Headers()
        headers.add("From", _with_tag(self.local_uri, self.local_tag))
        headers.add("To", _with_tag(self.remote_uri, self.remote_tag))
        headers.add("Call-ID", self.call_id)
        headers.add("CSeq", f"{number} {method}")
        for route in routes:
            headers.add("Route", route)
        headers.add("Max-Forwards", "70")
        return Request(method, uri, headers)

    def _route(self) -> tuple[str, tuple[str, ...]]:
        """§12.2.1.1: a strict router (no `lr`) takes the Request-URI, and the target goes last."""
        if not self.route_set:
            return self.target, ()
        try:
            first = NameAddr.parse(self.route_set[0]).uri
        except ParseError:
            return self.target, self.route_set
        if "lr" in first.params:
            return self.target, self.route_set
        return str(first), (*self.route_set[1:], f"<{self.target}>")


def is_unreachable(uri: str, source: str) -> bool:
    """Whether the host of a Contact cannot be where requests have to go, seen from here.

    `source` is the host its packets come from. A private or loopback address is good only when
    they come from a private or loopback address too; a name without a dot (the 10-digit domain)
    never is.
    """
    try:
        host = SipUri.parse(uri).host.strip("[]")
    except ParseError:
        return True
    if host == source:
        return False
    try:
        announced = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host
    if announced.is_unspecified or announced.is_multicast:
        return True
    try:
        real = ipaddress.ip_address(source)
    except ValueError:
        return True
    if announced.is_loopback or real.is_loopback:
        return announced.is_loopback != real.is_loopback
    return _is_private(announced) and not _is_private(real)


def _is_private(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in _PRIVATE)


def _fill(
    request: Request, headers: Iterable[tuple[str, str]], body: bytes, content_type: str | None
) -> None:
    for name, value in headers:
        request.headers.add(name, value)
    if content_type is not None:
        request.headers.set("Content-Type", content_type)
    request.body = body


def _contact_uri(message: Request | Response) -> str | None:
    try:
        contact = message.contact
    except ParseError:
        return None
    return str(contact.uri) if contact is not None else None


def _routes(values: list[str]) -> list[str]:
    try:
        return [str(route) for route in parse_list(values, NameAddr.parse)]
    except ParseError:
        return []  # a route nobody can read is no route; requests go to the target


def _without_tag(text: str) -> str:
    address = NameAddr.parse(text)
    rest = {name: value for name, value in address.params.items() if name != "tag"}
    return str(NameAddr(address.display, address.uri, rest))


def _with_tag(text: str, tag: str) -> str:
    return f"{text};tag={tag}" if tag else text

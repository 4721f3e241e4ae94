"""A SIP stack (RFC 3261, 3581, 6026, 2617/7616) for one endpoint on UDP and TCP.

Knows nothing of GB/T 28181. Cores (messages, transactions, dialogs, digest, SDP) are data in, data
out, time in; `Endpoint` is the asyncio shell around them.
"""

from sip.client_side import InviteClient, InviteListener
from sip.dialog import Dialog
from sip.endpoint import Endpoint
from sip.errors import (
    BadDigest,
    LocalError,
    MessageTooLarge,
    ParseError,
    RemoteError,
    SipError,
    TransactionTimeout,
    TransportFailed,
)
from sip.flow import Address, Flow
from sip.headers import CSeq, Headers, NameAddr, Via
from sip.message import REASONS, Request, Response, ack_for, build_response, cancel_for
from sip.options import EndpointCounters, EndpointOptions, Handler
from sip.parser import parse_datagram
from sip.server_transaction import ServerTransaction
from sip.timers import Timers
from sip.transport_tcp import CloseReason, TcpLimits
from sip.uri import SipUri

__all__ = [
    "REASONS",
    "Address",
    "BadDigest",
    "CSeq",
    "CloseReason",
    "Dialog",
    "Endpoint",
    "EndpointCounters",
    "EndpointOptions",
    "Flow",
    "Handler",
    "Headers",
    "InviteClient",
    "InviteListener",
    "LocalError",
    "MessageTooLarge",
    "NameAddr",
    "ParseError",
    "RemoteError",
    "Request",
    "Response",
    "ServerTransaction",
    "SipError",
    "SipUri",
    "TcpLimits",
    "Timers",
    "TransactionTimeout",
    "TransportFailed",
    "Via",
    "ack_for",
    "build_response",
    "cancel_for",
    "parse_datagram",
]

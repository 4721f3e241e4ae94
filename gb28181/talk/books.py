"""What all lines work with, and what is written down of each: its session and its row."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gb28181.control.query import Queries
from gb28181.device.service import DeviceService
from gb28181.session.caller import DialogStore
from gb28181.session.dialing import Dialer
from gb28181.session.ledger import Ledger, Session
from gb28181.session.model import Ask, Failure, SessionKind, StreamKey
from gb28181.store.records import DialogRecord
from media.node import MediaNode
from sip.flow import Flow

from .dialogs import Incoming, Outgoing
from .leg import Leg, LegTimes
from .offer import Wanted
from .targets import Target

TALK = Ask(SessionKind.TALK)


@dataclass(frozen=True, slots=True)
class Desk:
    """What all lines of a node work with."""

    devices: DeviceService
    queries: Queries
    dialer: Dialer
    ledger: Ledger
    node: MediaNode
    store: DialogStore
    server_id: str
    allow: tuple[str, ...]
    """Networks media may be sent to besides the address SIP came from."""
    times: LegTimes
    response_s: float
    """For the device's Response to the notification."""
    rest_s: float
    session_changed: Callable[[Session], None]


def enter(
    desk: Desk,
    target: Target,
    wanted: Wanted | None,
    call_id: str,
    leg: Leg,
    on_end: Callable[[Failure], None],
) -> Session:
    """A session in the ledger; raises SsrcExhausted."""
    now = asyncio.get_running_loop().time()
    session_id = desk.dialer.new_id()
    session = Session(
        session_id=session_id,
        key=StreamKey(target.target_id, name=f"talk-{session_id}"),
        device_id=target.device_id,
        reported_id=target.code,
        ask=TALK,
        transport=target.transport if wanted is None else wanted.transport,
        call_id=call_id,
        ssrc=desk.ledger.lease_ssrc(now, SessionKind.TALK),
        call=leg,
        started_at=datetime.now(UTC),
        on_end=on_end,
    )
    if wanted is not None:
        session.remote = (wanted.host, wanted.port)
        if wanted.ssrc is not None:
            desk.ledger.replace_ssrc(session, wanted.ssrc, now)
    desk.ledger.add(session)
    return session


def row(
    desk: Desk, session: Session, target: Target, call: Incoming | Outgoing, flow: Flow
) -> DialogRecord:
    """The row of its dialog: all that is needed to end it after a crash."""
    dialer = desk.dialer
    record = DialogRecord(
        call_id=session.call_id,
        local_tag=call.local_tag,
        remote_target=dialer.target(target.code, flow),
        local_uri=dialer.local_uri,
        remote_uri=dialer.remote_uri(target.code),
        transport=flow.transport,
        remote_host=flow.remote[0],
        remote_port=flow.remote[1],
        local_host=flow.local[0],
        local_port=flow.local[1],
        ssrc=session.ssrc,
        media_port=session.local[1] if session.local else 0,
        node=desk.node.name,
        session_id=session.session_id,
        stream_id=session.stream_id,
        channel_id=session.key.channel_id,
        device_id=session.device_id,
        kind=session.kind.value,
    )
    call.fill(record)
    return record

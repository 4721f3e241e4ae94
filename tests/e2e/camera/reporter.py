"""The notifier of a camera (RFC 6665): takes SUBSCRIBE, keeps its dialogs, sends NOTIFY.

Literal text, written apart from the product. The camera answers what it is told to answer and
remembers what it agreed to; when it notifies is up to the test.
"""

from __future__ import annotations

import itertools
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import bodies, text
from .exchange import Answer
from .text import Msg

if TYPE_CHECKING:
    from .camera import Camera

NOTIFY = """
NOTIFY {target} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} NOTIFY
Contact: <sip:{device_id}@{via}>
Event: {event}
Subscription-State: {state}
Content-Type: Application/MANSCDP+xml
Max-Forwards: 70
User-Agent: Embedded Net DVS/V5.6
"""

ALARM = """<?xml version="1.0" encoding="GB2312"?>
<Notify>
<CmdType>Alarm</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<AlarmPriority>{priority}</AlarmPriority>
<AlarmMethod>{method}</AlarmMethod>
<AlarmTime>{time}</AlarmTime>
<AlarmDescription>{description}</AlarmDescription>
<Longitude>106.2781</Longitude>
<Latitude>38.4663</Latitude>
<Info>
<AlarmType>{type}</AlarmType>
</Info>
</Notify>
"""

CATALOG_EVENT = """<?xml version="1.0" encoding="GB2312"?>
<Notify>
<CmdType>Catalog</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<SumNum>{num}</SumNum>
<DeviceList Num="{num}">
{items}
</DeviceList>
</Notify>
"""

POSITION_2016 = """<?xml version="1.0" encoding="GB2312"?>
<Notify>
<CmdType>MobilePosition</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<Time>{time}</Time>
<Longitude>{longitude}</Longitude>
<Latitude>{latitude}</Latitude>
<Speed>42.0</Speed>
<Direction>90.0</Direction>
<Altitude>1110</Altitude>
</Notify>
"""

POSITION_2022 = """<?xml version="1.0" encoding="GB18030"?>
<Notify>
<CmdType>MobilePosition</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<Time>{time}</Time>
<SumNum>1</SumNum>
<DeviceList Num="1">
<Item>
<DeviceID>{item_id}</DeviceID>
<CaptureTime>{time}</CaptureTime>
<Longitude>{longitude}</Longitude>
<Latitude>{latitude}</Latitude>
<Speed>42.0</Speed>
<Direction>90.0</Direction>
<Altitude>1110</Altitude>
<Height>2</Height>
</Item>
</DeviceList>
</Notify>
"""


@dataclass(slots=True)
class Agreed:
    """One subscription the camera agreed to."""

    call_id: str
    tag: str
    ours: str
    theirs: str
    target: str
    event: str
    command: str
    expires: int
    cseq: int = 0
    requests: int = 1


@dataclass(slots=True)
class Manners:
    """How it answers SUBSCRIBE."""

    status: int = 200
    grant: int = 0
    """Seconds granted; 0: as many as asked."""
    events: tuple[str, ...] = ()
    """Event packages it knows; empty: all. Others get 489."""
    extra: str = ""
    forget: bool = False
    """481 to everything in a dialog, as after a power cut."""
    notify_first: bool = False
    """The first NOTIFY leaves before the 200."""
    asked: list[Msg] = field(default_factory=list)


class Reporter:
    """Owned by a camera; all of it happens in the loop's thread."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._numbers = itertools.count(1)
        self.manners = Manners()
        self.agreed: dict[str, Agreed] = {}

    def on_subscribe(self, message: Msg, peer: tuple[str, int]) -> None:
        manners, camera = self.manners, self._camera
        manners.asked.append(message)
        known = self.agreed.get(message.call_id)
        package = message.header("Event").partition(";")[0]
        if message.tag("To") and (known is None or manners.forget):
            self.agreed.pop(message.call_id, None)
            camera.respond(message, peer, 481)
            return
        if manners.status != 200:
            camera.respond(message, peer, manners.status, extra=manners.extra)
            return
        if manners.events and package not in manners.events:
            camera.respond(message, peer, 489)
            return
        wanted = int(message.header("Expires") or "0")
        granted = min(wanted, manners.grant) if manners.grant else wanted
        tag = known.tag if known is not None else secrets.token_hex(4)
        extra = f"Expires: {granted}\nContact: <sip:{camera.device_id}@{camera.here()}>"
        if wanted == 0:
            camera.respond(message, peer, 200, tag=tag, extra=extra)
            self.agreed.pop(message.call_id, None)
            return
        if known is not None:
            known.expires, known.requests = granted, known.requests + 1
        else:
            self.agreed[message.call_id] = Agreed(
                call_id=message.call_id,
                tag=tag,
                ours=f"{message.header('To')};tag={tag}",
                theirs=message.header("From"),
                target=text.uri_of(message.header("Contact")),
                event=message.header("Event"),
                command=message.xml("CmdType"),
                expires=granted,
            )
        if manners.notify_first and known is None:
            self.notify(self.agreed[message.call_id], b"")
        camera.respond(message, peer, 200, tag=tag, extra=extra)

    def of(self, command: str) -> Agreed:
        """The subscription to a command that is in force."""
        return next(one for one in reversed(self.agreed.values()) if one.command == command)

    def notify(self, agreed: Agreed, body: bytes, state: str = "") -> Answer:
        agreed.cseq += 1
        return self._camera._request(
            NOTIFY,
            body,
            cseq=agreed.cseq,
            call_id=agreed.call_id,
            target=agreed.target,
            local=agreed.ours,
            remote=agreed.theirs,
            event=agreed.event,
            state=state or f"active;expires={agreed.expires}",
        )

    # -- what a test says ----------------------------------------------------------------------

    def send(self, command: str, body: str, state: str = "", timeout: float = 5.0) -> Msg:
        """NOTIFY in the dialog of a command; the platform's answer."""
        data = bodies.encode(body, self._camera.charset)
        answer: Answer = self._camera.loop.run_in(
            lambda: self.notify(self.of(command), data, state)
        )
        return answer.wait(timeout)

    def send_stray(self, event: str, body: str, call_id: str = "", timeout: float = 5.0) -> Msg:
        """NOTIFY in a dialog the platform does not know."""
        camera = self._camera
        server = f"<sip:{camera.server_id}@{camera.domain}>"
        stray = Agreed(
            call_id=call_id or secrets.token_hex(8),
            tag="x",
            ours=f"<sip:{camera.device_id}@{camera.domain}>;tag=old",
            theirs=f"{server};tag=gone",
            target=f"sip:{camera.server_id}@{camera.server[0]}:{camera.server[1]}",
            event=event,
            command="",
            expires=300,
        )
        data = bodies.encode(body, camera.charset)
        answer: Answer = camera.loop.run_in(lambda: self.notify(stray, data))
        return answer.wait(timeout)

    def alarm(self, device_id: str = "", **fields: object) -> str:
        values: dict[str, object] = {
            "sn": next(self._numbers),
            "device_id": device_id or self._camera.device_id,
            "priority": 2,
            "method": 5,
            "time": "2026-11-22T16:50:01",
            "description": "入侵检测",
            "type": 6,
        }
        return ALARM.format(**{**values, **fields})

    def changes(self, *items: str) -> str:
        return CATALOG_EVENT.format(
            sn=next(self._numbers),
            device_id=self._camera.device_id,
            num=len(items),
            items="\n".join(items),
        )

    def position(self, template: str = POSITION_2016, **fields: object) -> str:
        values: dict[str, object] = {
            "sn": next(self._numbers),
            "device_id": self._camera.device_id,
            "item_id": self._camera.device_id,
            "time": "2026-11-22T16:56:00",
            "longitude": 106.2309,
            "latitude": 38.4872,
        }
        return template.format(**{**values, **fields})

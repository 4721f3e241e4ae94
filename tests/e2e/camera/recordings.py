"""What a camera recorded: RecordInfo in packets, calls for recordings, INFO, MediaStatus.

Literal text after GB/T 28181-2016 A.2.4.5, A.2.6.7, annex B and F; standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .bodies import encode

BEIJING_S = 8 * 3600

RECORDS = """<?xml version="1.0" encoding="{label}"?>
<Response>
<CmdType>RecordInfo</CmdType>
<SN>{sn}</SN>
<DeviceID>{channel_id}</DeviceID>
<Name>录像</Name>
<SumNum>{sum_num}</SumNum>
{items}
</Response>
"""

ITEM = """<Item>
<DeviceID>{channel_id}</DeviceID>
<Name>录像</Name>
<FilePath>{path}</FilePath>
<Address>NVR</Address>
<StartTime>{start}</StartTime>
<EndTime>{end}</EndTime>
<Secrecy>0</Secrecy>
<Type>{type}</Type>
<FileSize>{size}</FileSize>
</Item>"""

MEDIA_STATUS = """<?xml version="1.0" encoding="{label}"?>
<Notify>
<CmdType>MediaStatus</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<NotifyType>121</NotifyType>
</Notify>
"""

TAKEN = """RTSP/1.0 200 OK
CSeq: 1
Scale: -1.0

"""

IN_CALL = """
MESSAGE {target} SIP/2.0
Via: SIP/2.0/{proto} {via};rport;branch={branch}
From: {local}
To: {remote}
Call-ID: {call_id}
CSeq: {cseq} MESSAGE
Content-Type: Application/MANSCDP+xml
Max-Forwards: 70
"""


@dataclass(frozen=True, slots=True)
class Record:
    """A recorded stretch, UNIX seconds; the camera's files are as fine as these."""

    start: int
    end: int
    type: str = "time"


def local_time(moment: int) -> str:
    """Beijing time without zone, by hand."""
    days, rest = divmod(moment + BEIJING_S, 86400)
    year, month, day = _civil(days)
    return f"{year}-{month:02}-{day:02}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def _civil(days: int) -> tuple[int, int, int]:
    """Days since 1970 to a date (Gregorian, proleptic)."""
    days += 719468
    era, day_of_era = divmod(days, 146097)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year_of_era + era * 400 + (1 if month <= 2 else 0), month, day


def answers(
    records: Sequence[Record],
    *,
    sn: str,
    channel_id: str,
    start: str,
    end: str,
    per_packet: int,
    label: str = "GB2312",
) -> list[bytes]:
    """The packets of one answer: what touches the asked time."""
    found = [r for r in records if local_time(r.end) > start and local_time(r.start) < end]
    items = [
        ITEM.format(
            channel_id=channel_id,
            path=f"/d/{record.start}.ps",
            start=local_time(record.start),
            end=local_time(record.end),
            type=record.type,
            size=(record.end - record.start) * 250_000,
        )
        for record in found
    ]
    parts = [items[at : at + per_packet] for at in range(0, len(items), per_packet)] or [[]]
    return [
        encode(
            RECORDS.format(
                label=label,
                sn=sn,
                channel_id=channel_id,
                sum_num=len(items),
                items=f'<RecordList Num="{len(part)}">\n' + "\n".join(part) + "\n</RecordList>",
            ),
            "gb18030",
        )
        for part in parts
    ]


@dataclass(frozen=True, slots=True)
class Order:
    """What an INFO asks for."""

    method: str
    scale: float | None = None
    seek: float | None = None


def read_info(body: bytes) -> Order:
    text = body.decode("latin-1")
    scale = re.search(r"(?im)^Scale:\s*(-?[\d.]+)", text)
    seek = re.search(r"(?im)^Range:\s*npt=([\d.]+)-", text)
    return Order(
        text.split(" ", 1)[0],
        float(scale[1]) if scale else None,
        float(seek[1]) if seek else None,
    )

"""MANSCDP and SDP bodies of a camera, as literal text (GB/T 28181-2016 A.2, annex F)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Item = Mapping[str, object] | str
"""A catalog item: fields in the order given (`Info` may be a mapping itself), or raw XML."""

KEEPALIVE = """<?xml version="1.0"{label}?>
<Notify>
<CmdType>Keepalive</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<Status>OK</Status>
</Notify>
"""

DEVICE_INFO = """<?xml version="1.0"{label}?>
<Response>
<CmdType>DeviceInfo</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<Result>OK</Result>
<DeviceName>{name}</DeviceName>
<Manufacturer>{manufacturer}</Manufacturer>
<Model>{model}</Model>
<Firmware>{firmware}</Firmware>
<Channel>{channels}</Channel>
</Response>
"""

CATALOG = """<?xml version="1.0"{label}?>
<Response>
<CmdType>Catalog</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<SumNum>{sum_num}</SumNum>
<DeviceList Num="{num}">
{items}
</DeviceList>
</Response>
"""

CATALOG_EMPTY = """<?xml version="1.0"{label}?>
<Response>
<CmdType>Catalog</CmdType>
<SN>{sn}</SN>
<DeviceID>{device_id}</DeviceID>
<SumNum>0</SumNum>
</Response>
"""

ANSWER_UDP = """v=0
o={channel_id} 0 0 IN IP4 {host}
s={kind}
c=IN IP4 {host}
t=0 0
m=video {port} RTP/AVP 96
a=sendonly
a=rtpmap:96 PS/90000
{y}
"""

ANSWER_TCP = """v=0
o={channel_id} 0 0 IN IP4 {host}
s={kind}
c=IN IP4 {host}
t=0 0
m=video {port} TCP/RTP/AVP 96
a=sendonly
a=rtpmap:96 PS/90000
a=setup:{setup}
a=connection:new
{y}
"""


def encode(text: str, charset: str) -> bytes:
    """LF to CRLF, then to bytes."""
    return text.replace("\r\n", "\n").replace("\n", "\r\n").encode(charset, "replace")


def fill(template: str, charset: str, label: str, **values: object) -> bytes:
    """Fill an XML template. `label` is the declared encoding, which need not be the true one."""
    declared = f' encoding="{label}"' if label else ""
    return encode(template.format(label=declared, **values), charset)


def sdp(template: str, **values: object) -> bytes:
    lines = [line for line in template.format(**values).split("\n") if line]
    return "".join(line + "\r\n" for line in lines).encode("ascii")


def item_xml(item: Item) -> str:
    if isinstance(item, str):
        return item
    rows = []
    for name, value in item.items():
        if isinstance(value, Mapping):
            inner = "\n".join(f"<{key}>{text}</{key}>" for key, text in value.items())
            rows.append(f"<{name}>\n{inner}\n</{name}>")
        else:
            rows.append(f"<{name}>{value}</{name}>")
    return "<Item>\n" + "\n".join(rows) + "\n</Item>"


def channel_item(
    channel_id: str, name: str, civil_code: str = "", parent_id: str = "", **more: object
) -> dict[str, object]:
    """An ordinary camera channel; `more` overrides or adds fields."""
    item: dict[str, object] = {
        "DeviceID": channel_id,
        "Name": name,
        "Manufacturer": "NxCam",
        "Model": "NX-2",
        "Owner": "Owner",
        "CivilCode": civil_code or channel_id[:6],
        "Address": "Address",
        "Parental": 0,
        "ParentID": parent_id,
        "SafetyWay": 0,
        "RegisterWay": 1,
        "Secrecy": 0,
        "Status": "ON",
        "Longitude": "106.2309",
        "Latitude": "38.4872",
        "Info": {"PTZType": 1},
    }
    item.update(more)
    return item


def pages(items: Sequence[Item], per_page: int) -> list[list[Item]]:
    return [list(items[at : at + per_page]) for at in range(0, len(items), per_page)]


def parse_offer(body: bytes) -> dict[str, str]:
    """The parts of the platform's SDP a camera looks at."""
    found = {"setup": "", "y": "", "host": "", "session": "Play", "t": "0 0", "speed": "1"}
    for line in body.decode("latin-1").replace("\r\n", "\n").split("\n"):
        kind, _, value = line.partition("=")
        if kind == "c":
            found["host"] = value.split()[-1]
        elif kind == "m" and value.startswith("video"):
            parts = value.split()
            found["port"], found["proto"] = parts[1], parts[2]
        elif kind == "y":
            found["y"] = value.strip()
        elif kind == "s":
            found["session"] = value.strip()
        elif kind == "t":
            found["t"] = value.strip()
        elif kind == "a" and value.startswith("downloadspeed:"):
            found["speed"] = value[14:].strip()
        elif kind == "a" and value.startswith("setup:"):
            found["setup"] = value[6:].strip()
    return found

"""MANSCDP bodies a simulated device sends: heartbeat, device information, catalog pages.

GB/T 28181-2022 A.2.5.2, A.2.6.4, A.2.6.5, with the fields devices of 2016 still send.
"""

from __future__ import annotations

from gb28181.manscdp.codec import Node, encode
from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.plan import ChannelSpec, DeviceSpec

MANUFACTURER = "仿真"
LABEL = "GB2312"


def keepalive(spec: DeviceSpec, sn: int) -> bytes:
    return encode("Notify", "Keepalive", sn, spec.device_id, [Node("Status", "OK")], LABEL)


def device_info(spec: DeviceSpec, sn: str, faults: Faults) -> bytes:
    children = [
        Node("DeviceName", spec.name),
        Node("Result", "OK"),
        Node("Manufacturer", MANUFACTURER),
        Node("Model", _model(spec)),
        Node("Firmware", "V1.0.0 build 260101"),
        Node("Channel", len(spec.channels)),
    ]
    return _response("DeviceInfo", spec, sn, children, faults)


def catalog_pages(spec: DeviceSpec, sn: str, page_items: int, faults: Faults) -> list[bytes]:
    """The messages of a catalog, in order; they go out one after the other (annex M)."""
    total = len(spec.channels) + int(faults.get(Fault.WRONG_SUMNUM, 0))
    pages = []
    for start in range(0, len(spec.channels), page_items):
        items = tuple(_item(spec, one) for one in spec.channels[start : start + page_items])
        children = [
            Node("SumNum", max(0, total)),
            Node("DeviceList", items, (("Num", str(len(items))),)),
        ]
        pages.append(_response("Catalog", spec, sn, children, faults))
    if Fault.LOST_PAGE in faults:
        pages.pop()
    return pages


def _model(spec: DeviceSpec) -> str:
    return "SIM-NVR" if spec.is_recorder else "SIM-IPC-1080P"


def _response(
    command: str, spec: DeviceSpec, sn: str, children: list[Node], faults: Faults
) -> bytes:
    if Fault.BAD_CHARSET not in faults:
        return encode("Response", command, sn, spec.device_id, children, LABEL)
    body = encode("Response", command, sn, spec.device_id, children, "UTF-8")
    return body.replace(b'encoding="UTF-8"', f'encoding="{LABEL}"'.encode(), 1)


def _item(spec: DeviceSpec, channel: ChannelSpec) -> Node:
    return Node(
        "Item",
        (
            Node("DeviceID", channel.channel_id),
            Node("Name", channel.name),
            Node("Manufacturer", MANUFACTURER),
            Node("Model", _model(spec)),
            Node("Owner", spec.civil_code[:4]),
            Node("CivilCode", spec.civil_code),
            Node("Address", spec.address),
            Node("Parental", 0),
            Node("ParentID", spec.device_id),
            Node("SafetyWay", 0),
            Node("RegisterWay", 1),
            Node("Secrecy", 0),
            Node("Status", "ON"),
            Node("Longitude", channel.longitude),
            Node("Latitude", channel.latitude),
            Node("Info", (Node("PTZType", channel.ptz_type), Node("Resolution", "6/5"))),
        ),
    )

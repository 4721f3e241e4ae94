"""A question put to a simulated device, and its answers as elements, read by the standard library
alone: the product's own reader is no judge of the product's own writer.
"""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from gb28181.manscdp import Message, decode, from_decoded
from gb28181.manscdp.times import BEIJING
from gb28181.simulator.answers.asked import Asked, Reply
from gb28181.simulator.answers.table import answer
from gb28181.simulator.faults import Faults, parse_fault
from gb28181.simulator.machine import Times
from gb28181.simulator.memory import Memory
from gb28181.simulator.plan import DeviceSpec, PlanOptions, make_plan
from gb28181.simulator.profiles import PROFILES

SERVER_ID = "64000000002000000001"
RECORDER = make_plan(PlanOptions(1, recorders=1, channels=5))[0]
CHANNEL = RECORDER.channels[0].channel_id
NOON = datetime(2026, 5, 20, 12, 30, 15, tzinfo=BEIJING)


class Simulated:
    """One device that answers at once."""

    def __init__(
        self,
        profile: str = "standard-2016",
        *faults: str,
        spec: DeviceSpec = RECORDER,
        page_items: int | None = None,
    ) -> None:
        self.spec = spec
        self.profile = PROFILES[profile]
        self.faults: Faults = {one.fault: one.value for one in map(parse_fault, faults)}
        self.memory = Memory(spec, Times(), (SERVER_ID, "192.0.2.1", 5060, SERVER_ID[:10]))
        self.page_items = page_items or self.profile.page_items
        self.now = 1000.0
        self.wall = NOON

    def asked(self, message: Message) -> Asked:
        return Asked(
            message=message,
            to=self.spec.device_id,
            spec=self.spec,
            profile=self.profile,
            faults=self.faults,
            memory=self.memory,
            server_id=SERVER_ID,
            page_items=self.page_items,
            now=self.now,
            wall=self.wall,
        )

    def reply(self, root: str, command: str, inner: str = "", code: str = "") -> Reply:
        """`inner`: what stands behind DeviceID, as on the wire."""
        body = (
            f'<?xml version="1.0" encoding="GB2312"?>\r\n<{root}>\r\n<CmdType>{command}</CmdType>'
            f"<SN>17</SN><DeviceID>{code or self.spec.device_id}</DeviceID>{inner}</{root}>\r\n"
        ).encode("gb18030")
        decoded = decode(body)
        return answer(decoded.root, decoded.command, self.asked(from_decoded(decoded)))

    def ask(self, command: str, inner: str = "", code: str = "") -> list[Element]:
        """The answers to a Query."""
        return [element(body) for body in self.reply("Query", command, inner, code).bodies]

    def tell(self, inner: str, code: str = CHANNEL) -> Reply:
        """A DeviceControl to a channel."""
        return self.reply("Control", "DeviceControl", inner, code)

    def set(self, inner: str, code: str = CHANNEL) -> Reply:
        return self.reply("Control", "DeviceConfig", inner, code)


def element(body: bytes) -> Element:
    """A body as a tree; the declaration names the charset of its bytes."""
    declaration, _, rest = body.partition(b"\r\n")
    charset = "utf-8" if b"UTF-8" in declaration else "gb18030"
    return ElementTree.fromstring(rest.decode(charset))


def text(tree: Element, path: str) -> str:
    found = tree.findtext(path)
    assert found is not None, f"no {path} in {ElementTree.tostring(tree, 'unicode')}"
    return found

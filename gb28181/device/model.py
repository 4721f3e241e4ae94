"""One device in memory: its records, its machine, its flow, its catalog.

A plain holder with the few questions every module asks. Who changes what: `service.py` the state,
`registrar.py` nothing (it decides), `catalogs.py` items and channels, `restore.py` all of it once.
"""

from __future__ import annotations

from dataclasses import dataclass

from catalog.model import CatalogItem, Channel
from gb28181.device.facts import Facts
from gb28181.device.policy import DevicePolicy
from gb28181.device.registry import Presence
from gb28181.device.state import DeviceState
from gb28181.device.trial import Trial
from gb28181.manscdp import CharsetMemory
from gb28181.store.records import DeviceRecord, IntervalRecord, RegistrationRecord
from media.pulling import Spec
from sip.flow import Flow

GB_2022 = (3, 0)
ASSUMED_VERSION = (2, 0)
"""A device that sends no X-GB-Ver is of 2016 (GB/T 28181-2022 annex I)."""


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a channel now; what the sessions see of the registry."""

    channel_id: str
    reported_id: str
    device_id: str
    online: bool
    flow: Flow | None
    transport: str
    """How media is pulled when nobody says otherwise."""
    gb_version: str
    policy: DevicePolicy
    place: str
    """Administrative code of where it is; empty where that is not known."""
    source: Spec | None = None
    """Of a camera without SIP, in place of a flow."""


@dataclass(frozen=True, slots=True)
class Said:
    """What the last accepted REGISTER said, and what was answered (`refreshing.py`)."""

    words: tuple[str, str, str, str]
    """Request-URI, user of To, Call-ID, and the header lines that `sip.brief` calls the tail."""
    digest_uri: str
    policy: DevicePolicy
    expires_s: int
    lines: str
    """Of the 200: all lines of ours but Date."""


class Device:
    """Mutable; owned by the service, one per known id."""

    __slots__ = (
        "catalog_busy",
        "channels",
        "charsets",
        "charsets_saved",
        "facts",
        "flow",
        "interval",
        "items",
        "kept_alive",
        "peer",
        "policy",
        "presence",
        "record",
        "registration",
        "said",
        "shown",
        "sn",
        "trial",
    )

    def __init__(
        self, record: DeviceRecord, registration: RegistrationRecord, policy: DevicePolicy, sn: int
    ) -> None:
        self.record = record
        self.registration = registration
        self.policy = policy
        self.presence = Presence(policy.silence_s)
        self.flow: Flow | None = None
        """Where requests to the device go; None while it cannot be reached."""
        self.peer: Flow | None = None
        """Where its messages come from; differs from `flow` only with `reply_port = via`."""
        stored = record.charsets
        self.charsets = CharsetMemory.from_dict(stored) if stored else CharsetMemory()
        if policy.charset:
            self.charsets.set_override(policy.charset)
        self.charsets_saved = self.charsets.revision
        self.facts = Facts(record.observed)
        """What it shows of itself in passing."""
        self.interval: IntervalRecord | None = None
        """The interval of state that is open now."""
        self.items: dict[str, CatalogItem] = {}
        """The catalog as reported, by the device's codes."""
        self.channels: dict[str, Channel] = {}
        """Those of the items that are channels, by public id."""
        self.kept_alive = 0.0
        """Monotonic moment of the last heartbeat, 0 before the first of this run."""
        self.said: Said | None = None
        """What its last REGISTER said, if that may come again."""
        self.shown = ""
        """The name in the tree."""
        self.sn = sn
        self.trial: Trial | None = None
        """How it is treated while it is examined; None usually."""
        self.catalog_busy = False

    def __repr__(self) -> str:
        where = self.flow if self.flow is not None else "-"
        return f"<Device {self.device_id} {self.state.name} {where} {len(self.channels)} channels>"

    @property
    def device_id(self) -> str:
        return self.record.device_id

    @property
    def state(self) -> DeviceState:
        return self.presence.state

    @property
    def online(self) -> bool:
        return self.presence.state is DeviceState.ONLINE

    @property
    def name(self) -> str:
        return self.record.name or self.record.device_id

    @property
    def version(self) -> tuple[int, int]:
        """The edition it speaks, as numbers."""
        return parse_version(self.registration.gb_version) or ASSUMED_VERSION

    @property
    def write_charset(self) -> str:
        """The label of bodies we send it (2022 demands GB 18030, 2016 recommends GB 2312)."""
        return self.policy.charset or ("GB18030" if self.version >= GB_2022 else "GB2312")

    def next_sn(self) -> int:
        """SN of the next query: one counter per device, never 0."""
        self.sn = self.sn % 999_999_999 + 1
        return self.sn


def parse_version(text: str) -> tuple[int, int] | None:
    """`2.0` -> (2, 0); None for anything else."""
    major, dot, minor = text.partition(".")
    if dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit():
        return int(major[:4]), int(minor[:4])
    return None

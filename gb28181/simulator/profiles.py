"""Families of devices: which edition a simulated device speaks, and the habits of its maker.

A habit is what devices of a family always do and the standard does not foresee; its number is that
of the page of leniencies (`docs/conformance/leniencies.md`). A profile is data: what a habit does
stands where it is shown (`answers/`, `call.py`, `device.py`, `stream.py`). What a single broken
device does is a fault (`faults.py`) and goes together with any profile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIXED: Final = "mixed"
"""Stands for all profiles in turn."""


class Habit(StrEnum):
    # Registration and SIP
    ADDRESS_DOMAIN = "address-domain"
    EMPTY_LENGTH = "empty-length"
    BEATS_ON = "beats-on"
    # Catalog
    ORGANISATION = "organisation"
    TEN_DIGIT_CIVIL = "ten-digit-civil"
    LITERALS = "literals"
    PARENT_IS_SERVER = "parent-is-server"
    PARENTAL_65535 = "parental-65535"
    STATUS_WORDS = "status-words"
    DIRTY_ADDRESS = "dirty-address"
    BEYOND_GB2312 = "beyond-gb2312"
    MIXED_CHARSETS = "mixed-charsets"
    INFO_OUTSIDE = "info-outside"
    NAMELESS_INPUTS = "nameless-inputs"
    PAGES_AT_ONCE = "pages-at-once"
    STRAY_CATALOG = "stray-catalog"
    LOWER_NAMES = "lower-names"
    # Other answers
    NEEDS_TYPE = "needs-type"
    RECORDS_UNSORTED = "records-unsorted"
    RECORDS_OVERLAP = "records-overlap"
    CONFIG_BY_DEVICE = "config-by-device"
    CONFIG_UNANSWERED = "config-unanswered"
    CONFIG_RENAMED = "config-renamed"
    CONFIG_TOGETHER = "config-together"
    TELLS_PASSWORD = "tells-password"
    NO_PRESET_SUM = "no-preset-sum"
    ONLY_IFAME = "only-ifamecmd"
    MULTIPART_SNAPSHOT = "multipart-snapshot"
    # Calls
    OTHER_101 = "other-101"
    NO_Y = "no-y"
    RTP_SSRC_ZERO = "rtp-ssrc-zero"
    CONNECTS_EARLY = "connects-early"
    ONLY_MAIN = "only-main"
    BARE_SOUND = "bare-sound"
    NO_STREAM_MAP = "no-stream-map"
    PRIVATE_PES = "private-pes"
    SETS_EVERYWHERE = "sets-everywhere"
    # Recordings
    SCALE_REFUSED = "scale-refused"
    FILE_BY_FILE = "file-by-file"
    END_FROM_RECORDER = "end-from-recorder"


@dataclass(frozen=True, slots=True)
class About:
    number: int | None
    """In the page of leniencies; None where the standard leaves the choice."""
    text: str


HABITS: Final[dict[Habit, About]] = {
    Habit.ADDRESS_DOMAIN: About(61, "From and To name an address and port behind the @"),
    Habit.EMPTY_LENGTH: About(33, "MESSAGE over UDP says Content-Length: 0 and has a body"),
    Habit.BEATS_ON: About(18, "a refused heartbeat is followed by the next, not by REGISTER"),
    Habit.ORGANISATION: About(
        10, "business group and organisation; ParentID is device/organisation"
    ),
    Habit.TEN_DIGIT_CIVIL: About(8, "CivilCode has ten digits"),
    Habit.LITERALS: About(7, "Owner and Block repeat their own names"),
    Habit.PARENT_IS_SERVER: About(9, "ParentID of a channel is the id of the server"),
    Habit.PARENTAL_65535: About(12, "Parental is 65535"),
    Habit.STATUS_WORDS: About(13, "Status is OK or OFFLINE instead of ON or OFF"),
    Habit.DIRTY_ADDRESS: About(14, "Address holds a bare & and a bare <"),
    Habit.BEYOND_GB2312: About(15, "names hold characters outside of the labelled GB2312"),
    Habit.MIXED_CHARSETS: About(17, "DeviceInfo is UTF-8, everything else GB 18030"),
    Habit.INFO_OUTSIDE: About(16, "PTZType stands beside Info"),
    Habit.NAMELESS_INPUTS: About(54, "the catalog lists an alarm input without a name"),
    Habit.PAGES_AT_ONCE: About(26, "one item per message, all messages at once"),
    Habit.STRAY_CATALOG: About(28, "a change is a catalog Response with SumNum 1 nobody asked for"),
    Habit.LOWER_NAMES: About(72, "element names are written in lower case"),
    Habit.NEEDS_TYPE: About(34, "RecordInfo without Type is not answered"),
    Habit.RECORDS_UNSORTED: About(None, "records come in no order"),
    Habit.RECORDS_OVERLAP: About(None, "a record ends seconds after the next one begins"),
    Habit.CONFIG_BY_DEVICE: About(35, "BasicParam is only taken when addressed to the device"),
    Habit.CONFIG_UNANSWERED: About(35, "BasicParam is taken without a response, then it registers"),
    Habit.CONFIG_RENAMED: About(36, "a block of ConfigDownload has another name than was asked"),
    Habit.CONFIG_TOGETHER: About(None, "all blocks of ConfigDownload in one message"),
    Habit.TELLS_PASSWORD: About(52, "BasicParam holds a password in clear"),
    Habit.NO_PRESET_SUM: About(53, "PresetQuery is answered without SumNum"),
    Habit.ONLY_IFAME: About(51, "a key frame is sent for IFameCmd only"),
    Habit.MULTIPART_SNAPSHOT: About(55, "snapshots are brought as multipart"),
    Habit.OTHER_101: About(45, "INVITE is answered 101 Dialog Establishment first"),
    Habit.NO_Y: About(3, "the answer has no y="),
    Habit.RTP_SSRC_ZERO: About(2, "the SSRC of RTP is 0"),
    Habit.CONNECTS_EARLY: About(None, "the TCP connection of media is opened before the ACK"),
    Habit.ONLY_MAIN: About(39, "the wish for the second stream is not heard"),
    Habit.BARE_SOUND: About(46, "picture in PS, sound as bare RTP beside it"),
    Habit.NO_STREAM_MAP: About(47, "PS without a stream map"),
    Habit.PRIVATE_PES: About(48, "private packets (stream id BD) in PS"),
    Habit.SETS_EVERYWHERE: About(49, "parameter sets in front of every picture"),
    Habit.SCALE_REFUSED: About(38, "another speed is answered 400"),
    Habit.FILE_BY_FILE: About(None, "a call ends at the end of each recorded file"),
    Habit.END_FROM_RECORDER: About(
        37, "the end of a recording is a MESSAGE with the device's own id"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One family."""

    name: str
    text: str
    edition: int
    """2011, 2016 or 2022: newer commands get a 200 and nothing else."""
    gb_version: str
    """X-GB-Ver; empty sends none."""
    manufacturer: str
    camera: str
    """Model of a camera."""
    recorder: str
    label: str = "GB2312"
    """Charset named in XML declarations; the bytes are GB 18030."""
    page_items: int = 2
    """Catalog items per message."""
    record_items: int = 2
    """Records per message."""
    habits: frozenset[Habit] = frozenset()

    @property
    def of_2022(self) -> bool:
        return self.edition >= 2022

    def has(self, habit: Habit) -> bool:
        return habit in self.habits


_ALL: Final = (
    Profile(
        name="standard-2016",
        text="by the book, GB/T 28181-2016",
        edition=2016,
        gb_version="2.0",
        manufacturer="仿真",
        camera="SIM-IPC-1080P",
        recorder="SIM-NVR",
    ),
    Profile(
        name="standard-2022",
        text="by the book, GB/T 28181-2022",
        edition=2022,
        gb_version="3.0",
        manufacturer="仿真",
        camera="SIM-IPC-2022",
        recorder="SIM-NVR-2022",
        label="GB18030",
        page_items=4,
        record_items=4,
        habits=frozenset({Habit.ORGANISATION}),
    ),
    Profile(
        name="hikvision",
        text="as Hikvision recorders and cameras are reported to be",
        edition=2016,
        gb_version="2.0",
        manufacturer="Hikvision",
        camera="DS-2CD-SIM",
        recorder="DS-7716N-SIM",
        page_items=1,
        record_items=2,
        habits=frozenset(
            {
                Habit.TEN_DIGIT_CIVIL,
                Habit.LITERALS,
                Habit.PARENTAL_65535,
                Habit.STATUS_WORDS,
                Habit.DIRTY_ADDRESS,
                Habit.NAMELESS_INPUTS,
                Habit.TELLS_PASSWORD,
                Habit.NO_PRESET_SUM,
                Habit.ONLY_IFAME,
                Habit.PRIVATE_PES,
                Habit.SCALE_REFUSED,
                Habit.FILE_BY_FILE,
                Habit.END_FROM_RECORDER,
            }
        ),
    ),
    Profile(
        name="dahua",
        text="as Dahua recorders and cameras are reported to be",
        edition=2016,
        gb_version="2.0",
        manufacturer="Dahua",
        camera="DH-IPC-SIM",
        recorder="DH-NVR-SIM",
        page_items=1,
        record_items=1,
        habits=frozenset(
            {
                Habit.ADDRESS_DOMAIN,
                Habit.BEYOND_GB2312,
                Habit.NEEDS_TYPE,
                Habit.RECORDS_OVERLAP,
                Habit.CONFIG_BY_DEVICE,
                Habit.CONFIG_TOGETHER,
                Habit.RTP_SSRC_ZERO,
                Habit.CONNECTS_EARLY,
                Habit.BARE_SOUND,
                Habit.SCALE_REFUSED,
            }
        ),
    ),
    Profile(
        name="uniview",
        text="as Uniview recorders and cameras are reported to be, edition 2022",
        edition=2022,
        gb_version="3.0",
        manufacturer="UNIVIEW",
        camera="HIC-SIM",
        recorder="NVR-SIM",
        label="GB2312",
        page_items=2,
        record_items=2,
        habits=frozenset(
            {
                Habit.PARENT_IS_SERVER,
                Habit.MIXED_CHARSETS,
                Habit.RECORDS_UNSORTED,
                Habit.CONFIG_UNANSWERED,
                Habit.CONFIG_RENAMED,
                Habit.MULTIPART_SNAPSHOT,
            }
        ),
    ),
    Profile(
        name="cheap-2011",
        text="a cheap camera with an old stack, GB/T 28181-2011",
        edition=2011,
        gb_version="",
        manufacturer="IPC",
        camera="H264DVR",
        recorder="H264DVR-4",
        page_items=1,
        record_items=1,
        habits=frozenset(
            {
                Habit.EMPTY_LENGTH,
                Habit.BEATS_ON,
                Habit.INFO_OUTSIDE,
                Habit.PAGES_AT_ONCE,
                Habit.STRAY_CATALOG,
                Habit.LOWER_NAMES,
                Habit.NO_PRESET_SUM,
                Habit.OTHER_101,
                Habit.NO_Y,
                Habit.ONLY_MAIN,
                Habit.NO_STREAM_MAP,
                Habit.SETS_EVERYWHERE,
                Habit.SCALE_REFUSED,
            }
        ),
    ),
)

PROFILES: Final[dict[str, Profile]] = {profile.name: profile for profile in _ALL}
STANDARD: Final = PROFILES["standard-2016"]


def profiles_named(names: Iterable[str]) -> tuple[Profile, ...]:
    """The profiles of these names in their order; `mixed` stands for all, nothing for the standard
    one. ValueError names one that is not known.
    """
    found: list[Profile] = []
    for name in names:
        if name == MIXED:
            found += PROFILES.values()
        elif name in PROFILES:
            found.append(PROFILES[name])
        else:
            known = ", ".join((*PROFILES, MIXED))
            raise ValueError(f"no profile {name!r}: known are {known}")
    return tuple(found) or (STANDARD,)

"""Every fault of simulated devices: its name, the item of a conformance check it breaks, what it
does and the value it takes.

A fault breaks one thing a laboratory looks at, and nothing else. What a maker's devices *usually*
do otherwise than the standard is no fault here but a habit of its profile (`profiles.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    LOSS = "loss"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    WRONG_PASSWORD = "wrong-password"
    NO_VERSION = "no-version"
    SHORT_EXPIRES = "short-expires"
    NO_REFRESH = "no-refresh"
    NO_UNREGISTER = "no-unregister"
    NO_DATE_SYNC = "no-date-sync"
    NO_KEEPALIVE = "no-keepalive"
    KEEPALIVE_WRONG_INTERVAL = "keepalive-wrong-interval"
    KEEPALIVE_NO_STATUS = "keepalive-no-status"
    SILENT_DEATH = "silent-death"
    NO_REREGISTER = "no-reregister"
    RETRY_TOO_SOON = "retry-too-soon"
    NON_SIP_TRAFFIC = "non-sip-traffic"
    NO_CATALOG = "no-catalog"
    WRONG_SUMNUM = "wrong-sumnum"
    LOST_PAGE = "lost-page"
    CATALOG_NO_STATUS = "catalog-no-status"
    BAD_CHARSET = "bad-charset"
    PAGES_AT_ONCE = "pages-at-once"
    LATE_ANSWER = "late-answer"
    NO_ANSWER = "no-answer"
    BUSY = "busy"
    REFUSE = "refuse"
    NO_MEDIA = "no-media"
    MEDIA_STOPS = "media-stops"
    WRONG_SSRC = "wrong-ssrc"
    SSRC_NOT_REPEATED = "ssrc-not-repeated"
    NO_BYE = "no-bye"
    EARLY_BYE = "early-bye"
    PTZ_IGNORED = "ptz-ignored"
    PTZ_NEVER_STOPS = "ptz-never-stops"
    PRESET_NOT_KEPT = "preset-not-kept"
    NO_IDR = "no-idr"
    RECORD_NO_RESPONSE = "record-no-response"
    RECORD_NOT_KEPT = "record-not-kept"
    RECORD_COUNT_WRONG = "record-count-wrong"
    RECORD_TIME_IGNORED = "record-time-ignored"
    NO_RECORDS = "no-records"
    NO_MEDIASTATUS = "no-mediastatus"
    SCALE_IGNORED = "scale-ignored"
    PAUSE_IGNORED = "pause-ignored"
    SEEK_IGNORED = "seek-ignored"
    NO_FILESIZE = "no-filesize"
    DOWNLOAD_CUT = "download-cut"
    GUARD_NO_RESPONSE = "guard-no-response"
    ALARM_NO_RESPONSE = "alarm-no-response"
    ALARM_NOT_SILENT = "alarm-not-silent"
    ALARM_WITHOUT_TIME = "alarm-without-time"
    NO_DEVICE_INFO = "no-device-info"
    NO_DEVICE_STATUS = "no-device-status"
    NO_BOOT = "no-boot"
    CONFIG_NO_RESPONSE = "config-no-response"
    CONFIG_NOT_KEPT = "config-not-kept"
    SUBSCRIBE_REFUSED = "subscribe-refused"
    NO_NOTIFY = "no-notify"
    NO_UPGRADE_RESULT = "no-upgrade-result"
    SNAPSHOT_NOT_SENT = "snapshot-not-sent"


@dataclass(frozen=True, slots=True)
class Meaning:
    item: str
    """The item of a conformance check that is broken."""
    text: str
    default: float | None = None
    """Value where none is given; None for a fault that takes none."""
    least: float = 0.0
    most: float = 86_400.0


MEANINGS: Final[dict[Fault, Meaning]] = {
    Fault.LOSS: Meaning("network", "this share of RTP packets is not sent (UDP)", 0.03, 0, 1),
    Fault.DUPLICATE: Meaning(
        "network",
        "this share of RTP packets is sent twice (UDP)",
        0.03,
        0,
        1,
    ),
    Fault.REORDER: Meaning(
        "network",
        "this share of RTP packets leaves after the next one (UDP)",
        0.03,
        0,
        1,
    ),
    Fault.WRONG_PASSWORD: Meaning("registration", "registers with a wrong password"),
    Fault.NO_VERSION: Meaning("registration", "REGISTER carries no X-GB-Ver"),
    Fault.SHORT_EXPIRES: Meaning(
        "registration",
        "registers for so many seconds only; at least 3600 are due",
        300,
        1,
    ),
    Fault.NO_REFRESH: Meaning(
        "registration",
        "lets its registration run out before it registers again",
    ),
    Fault.NO_UNREGISTER: Meaning("registration", "leaves without taking its registration back"),
    Fault.NO_DATE_SYNC: Meaning(
        "time sync",
        "does not set its clock by the Date of the 200: it is so many seconds late",
        3600,
    ),
    Fault.NO_KEEPALIVE: Meaning("heartbeat", "registers, but sends no heartbeat"),
    Fault.KEEPALIVE_WRONG_INTERVAL: Meaning(
        "heartbeat",
        "beats every so many times the interval it was set to",
        3,
        0.1,
        100,
    ),
    Fault.KEEPALIVE_NO_STATUS: Meaning("heartbeat", "the heartbeat has no Status"),
    Fault.SILENT_DEATH: Meaning(
        "online state",
        "so many seconds after registering nothing is sent any more",
        30,
    ),
    Fault.NO_REREGISTER: Meaning(
        "online state",
        "a heartbeat that is refused or not answered changes nothing",
    ),
    Fault.RETRY_TOO_SOON: Meaning(
        "online state",
        "tries a failed registration again after so many seconds; 60 are due",
        2,
        0.1,
    ),
    Fault.NON_SIP_TRAFFIC: Meaning(
        "transport",
        "sends what is not SIP to the SIP port, every so many seconds",
        2,
        0.1,
    ),
    Fault.NO_CATALOG: Meaning("catalog", "the catalog query gets a 200 and no answer"),
    Fault.WRONG_SUMNUM: Meaning(
        "catalog",
        "catalog pages announce so many items too many",
        1,
        -1000,
        1000,
    ),
    Fault.LOST_PAGE: Meaning("catalog", "the last page of the catalog is not sent"),
    Fault.CATALOG_NO_STATUS: Meaning("catalog", "catalog items have no Status, which is mandatory"),
    Fault.BAD_CHARSET: Meaning("catalog", "texts are UTF-8 under the label GB2312"),
    Fault.PAGES_AT_ONCE: Meaning("catalog", "pages do not wait for the answer to the page before"),
    Fault.LATE_ANSWER: Meaning("live", "INVITE is answered after so many seconds", 5),
    Fault.NO_ANSWER: Meaning("live", "INVITE is never answered, not even with 100"),
    Fault.BUSY: Meaning("live", "every INVITE is answered 486"),
    Fault.REFUSE: Meaning("live", "every INVITE is refused with this status", 403, 300, 699),
    Fault.NO_MEDIA: Meaning("live", "calls are accepted, but nothing is sent"),
    Fault.MEDIA_STOPS: Meaning("live", "media stops without BYE after so many seconds", 10),
    Fault.WRONG_SSRC: Meaning("live", "RTP carries another SSRC than asked for"),
    Fault.SSRC_NOT_REPEATED: Meaning(
        "live",
        "the answer names another SSRC than asked for, and RTP carries it",
    ),
    Fault.NO_BYE: Meaning(
        "live",
        "BYE is neither sent nor answered, media goes on for seconds",
        60,
    ),
    Fault.EARLY_BYE: Meaning("live", "the device ends a call after so many seconds", 10),
    Fault.PTZ_IGNORED: Meaning(
        "remote control",
        "PTZ commands get their 200, the lens does not move",
    ),
    Fault.PTZ_NEVER_STOPS: Meaning("remote control", "the stop command does not stop the lens"),
    Fault.PRESET_NOT_KEPT: Meaning(
        "remote control",
        "a preset that was set is not there afterwards",
    ),
    Fault.NO_IDR: Meaning("remote control", "a key frame that was asked for does not come earlier"),
    Fault.RECORD_NO_RESPONSE: Meaning("record control", "RecordCmd gets no DeviceControl response"),
    Fault.RECORD_NOT_KEPT: Meaning(
        "record control",
        "a recording started by hand is not found afterwards",
    ),
    Fault.RECORD_COUNT_WRONG: Meaning(
        "record search",
        "record pages announce so many items too many",
        1,
        -1000,
        1000,
    ),
    Fault.RECORD_TIME_IGNORED: Meaning(
        "record search",
        "records outside of the asked time are sent as well",
    ),
    Fault.NO_RECORDS: Meaning("record search", "the record query gets a 200 and no answer"),
    Fault.NO_MEDIASTATUS: Meaning("playback", "the end of a recording is not announced"),
    Fault.SCALE_IGNORED: Meaning("playback", "another speed gets its 200 and changes nothing"),
    Fault.PAUSE_IGNORED: Meaning("playback", "PAUSE gets its 200, media goes on"),
    Fault.SEEK_IGNORED: Meaning("playback", "another place gets its 200 and changes nothing"),
    Fault.NO_FILESIZE: Meaning("download", "the answer to a download has no a=filesize"),
    Fault.DOWNLOAD_CUT: Meaning(
        "download",
        "a download ends after this share of what was asked",
        0.5,
        0,
        1,
    ),
    Fault.GUARD_NO_RESPONSE: Meaning("alarm", "GuardCmd gets no DeviceControl response"),
    Fault.ALARM_NO_RESPONSE: Meaning(
        "alarm",
        "the reset of an alarm gets no DeviceControl response",
    ),
    Fault.ALARM_NOT_SILENT: Meaning(
        "alarm",
        "goes on with alarms of method 2 before they are reset",
    ),
    Fault.ALARM_WITHOUT_TIME: Meaning("alarm", "alarms have no AlarmTime, which is mandatory"),
    Fault.NO_DEVICE_INFO: Meaning(
        "device information",
        "the DeviceInfo query gets a 200 and no answer",
    ),
    Fault.NO_DEVICE_STATUS: Meaning(
        "device status",
        "the DeviceStatus query gets a 200 and no answer",
    ),
    Fault.NO_BOOT: Meaning("remote boot", "TeleBoot gets its 200, the device does not restart"),
    Fault.CONFIG_NO_RESPONSE: Meaning("configuration", "DeviceConfig gets no response"),
    Fault.CONFIG_NOT_KEPT: Meaning(
        "configuration",
        "DeviceConfig is answered OK and changes nothing",
    ),
    Fault.SUBSCRIBE_REFUSED: Meaning(
        "subscription",
        "every SUBSCRIBE is refused with this status",
        489,
        300,
        699,
    ),
    Fault.NO_NOTIFY: Meaning(
        "subscription",
        "a subscription is accepted, and nothing is ever told",
    ),
    Fault.NO_UPGRADE_RESULT: Meaning("upgrade", "the result of an upgrade is never told"),
    Fault.SNAPSHOT_NOT_SENT: Meaning("snapshot", "pictures are promised and never brought"),
}

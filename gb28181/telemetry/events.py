"""The catalogue of log events: every line the platform can write, with level, fields and meaning.

Not here: how lines are written (`logs.py`) and how floods are thinned (`rate.py`). An event that
is not in this file cannot be logged, and `docs/reference/events.md` is generated from it. To add
one: append a constant to its section, `NOUN_PAST = LogEvent("noun.past", Level.X, ("field", ...),
"one sentence")`, then run `make reference`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """DEBUG wire traffic; INFO life cycle; WARNING the outside misbehaved; ERROR our own defect."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One kind of log line. `fields` are those it may carry besides the `COMMON` ones."""

    name: str
    level: Level
    fields: tuple[str, ...]
    meaning: str


COMMON = ("count", "error", "request_id", "node")
"""Fields every event may carry: `count` stands for how many lines of a flood this one replaces."""


# --- app -----------------------------------------------------------------------------------------
APP_STARTED = LogEvent(
    "app.started",
    Level.INFO,
    ("version", "http", "sip", "duration_ms"),
    "The tree is restored and all sockets are bound.",
)
APP_STOPPING = LogEvent(
    "app.stopping",
    Level.INFO,
    ("reason",),
    "A stop was asked for; sessions are ended and the store is flushed.",
)
APP_STOPPED = LogEvent(
    "app.stopped", Level.INFO, ("duration_ms",), "Everything is closed; the process ends."
)
APP_FAILED = LogEvent(
    "app.failed",
    Level.ERROR,
    ("component", "reason"),
    "A part of the platform failed by a defect of our own.",
)
CONFIG_LOADED = LogEvent(
    "config.loaded",
    Level.INFO,
    ("path", "environment"),
    "Settings were read; `environment` counts the variables used.",
)
SECRET_GENERATED = LogEvent(
    "app.secret_generated",
    Level.INFO,
    ("key",),
    "A secret that was not given was made and stored in the data directory.",
)
SOCKET_BUFFER_SMALL = LogEvent(
    "app.socket_buffer_small",
    Level.WARNING,
    ("local", "wanted", "got", "hint"),
    "The kernel gave a smaller receive buffer than asked for; `hint` is the sysctl line.",
)

# --- sip -----------------------------------------------------------------------------------------
SIP_LISTENING = LogEvent(
    "sip.listening", Level.INFO, ("local", "transport"), "A SIP socket is bound."
)
SIP_MESSAGE_REJECTED = LogEvent(
    "sip.message_rejected",
    Level.WARNING,
    ("remote", "transport", "reason", "status", "sample"),
    "No SIP message, or one that breaks the rules; `status` is the answer, absent when none.",
)
SIP_REQUEST_REFUSED = LogEvent(
    "sip.request_refused",
    Level.WARNING,
    ("device_id", "remote", "method", "status", "reason"),
    "A well-formed request was refused.",
)
SIP_TRANSACTION_TIMEOUT = LogEvent(
    "sip.transaction_timeout",
    Level.WARNING,
    ("device_id", "remote", "method", "call_id"),
    "A request of ours was not answered within 64 x T1.",
)
SIP_TRANSPORT_FAILED = LogEvent(
    "sip.transport_failed",
    Level.WARNING,
    ("remote", "transport", "reason"),
    "A message could not be sent.",
)
SIP_TRANSPORT_CLOSED = LogEvent(
    "sip.transport_closed",
    Level.INFO,
    ("remote", "transport", "reason"),
    "A SIP connection over TCP ended.",
)
SIP_LIMIT_REACHED = LogEvent(
    "sip.limit_reached",
    Level.WARNING,
    ("remote", "device_id", "limit"),
    "Bad or unauthenticated traffic of one address used up its budget and is dropped.",
)

# --- device --------------------------------------------------------------------------------------
DEVICE_REGISTERED = LogEvent(
    "device.registered",
    Level.INFO,
    ("device_id", "remote", "transport", "expires", "gb_version"),
    "A device registered for the first time or after it was offline.",
)
DEVICE_REFRESHED = LogEvent(
    "device.refreshed",
    Level.DEBUG,
    ("device_id", "remote", "expires"),
    "A device that was online registered again.",
)
DEVICE_UNREGISTERED = LogEvent(
    "device.unregistered",
    Level.INFO,
    ("device_id", "remote"),
    "A device took its registration back.",
)
DEVICE_OFFLINE = LogEvent(
    "device.offline",
    Level.WARNING,
    ("device_id", "reason", "last_seen"),
    "A device is no longer online.",
)
DEVICE_UNREACHABLE = LogEvent(
    "device.unreachable",
    Level.WARNING,
    ("device_id", "reason"),
    "The connection of a device is lost, its registration still holds.",
)
DEVICE_MOVED = LogEvent(
    "device.moved",
    Level.INFO,
    ("device_id", "remote", "previous", "transport"),
    "A device came back with another address, port or transport.",
)
DEVICE_DUPLICATE = LogEvent(
    "device.duplicate",
    Level.WARNING,
    ("device_id", "remote", "previous", "result"),
    "The same id is used from two addresses while both are alive.",
)
DEVICE_AUTH_FAILED = LogEvent(
    "device.auth_failed",
    Level.WARNING,
    ("device_id", "remote", "reason"),
    "A wrong answer to a good challenge; the device gets 403.",
)
DEVICE_PENDING = LogEvent(
    "device.pending",
    Level.INFO,
    ("device_id", "remote"),
    "An unknown device waits for an operator's approval.",
)
DEVICE_REFUSED = LogEvent(
    "device.refused",
    Level.WARNING,
    ("device_id", "remote", "reason"),
    "A device is not allowed to register.",
)
DEVICE_REDIRECTED = LogEvent(
    "device.redirected",
    Level.INFO,
    ("device_id", "remote", "target"),
    "A device proved who it is and was sent to another server with 302.",
)
DEVICE_FAULT = LogEvent(
    "device.fault",
    Level.WARNING,
    ("device_id", "healthy", "faulty"),
    "A heartbeat reports trouble of the device or of its children, or that it is over.",
)
DEVICE_QUIRK_SEEN = LogEvent(
    "device.quirk_seen",
    Level.INFO,
    ("device_id", "quirk", "sample"),
    "A habit outside the standard was noted (`config_warnings`); the device is served.",
)
DEVICE_MESSAGE_OTHER = LogEvent(
    "device.message_other",
    Level.INFO,
    ("device_id", "command", "root"),
    "A MESSAGE with a command the platform has no use for yet; it was answered 200.",
)
DEVICE_MESSAGE_UNREADABLE = LogEvent(
    "device.message_unreadable",
    Level.WARNING,
    ("device_id", "remote", "reason", "sample", "status"),
    "A MESSAGE or NOTIFY body is no usable MANSCDP document.",
)

# --- catalog -------------------------------------------------------------------------------------
CATALOG_SYNC_STARTED = LogEvent(
    "catalog.sync_started", Level.INFO, ("device_id", "sn"), "A catalog was asked for."
)
CATALOG_SYNC_COMPLETED = LogEvent(
    "catalog.sync_completed",
    Level.INFO,
    ("device_id", "sn", "expected", "received", "added", "removed", "updated", "duration_ms"),
    "All announced items came in and are committed.",
)
CATALOG_SYNC_PARTIAL = LogEvent(
    "catalog.sync_partial",
    Level.WARNING,
    ("device_id", "sn", "expected", "received", "reason"),
    "The catalog stayed incomplete; what came is kept and nothing is removed.",
)
CATALOG_CHANGED = LogEvent(
    "catalog.changed",
    Level.INFO,
    ("device_id", "added", "removed", "updated"),
    "Channels were added, removed or changed outside a full query.",
)
CATALOG_CODE_SHARED = LogEvent(
    "catalog.code_shared",
    Level.WARNING,
    ("device_id", "channel_id", "reported_id"),
    "Two devices report one channel code; the second one's gets a generated public id.",
)

# --- session -------------------------------------------------------------------------------------
SESSION_INVITING = LogEvent(
    "session.inviting",
    Level.INFO,
    ("session_id", "stream_id", "channel_id", "device_id", "call_id", "ssrc", "transport", "local"),
    "An INVITE was sent.",
)
SESSION_ANSWERED = LogEvent(
    "session.answered",
    Level.INFO,
    ("session_id", "stream_id", "device_id", "call_id", "status", "ssrc", "remote", "duration_ms"),
    "The device answered the INVITE.",
)
SESSION_LIVE = LogEvent(
    "session.live",
    Level.INFO,
    ("session_id", "stream_id", "device_id", "call_id", "duration_ms"),
    "The first picture that can be decoded came in.",
)
SESSION_FAILED = LogEvent(
    "session.failed",
    Level.WARNING,
    ("session_id", "stream_id", "device_id", "call_id", "leg", "reason", "status"),
    "A session gives no picture (any more), told at once; `leg` and `reason` say where and why.",
)
SESSION_ENDED = LogEvent(
    "session.ended",
    Level.INFO,
    (
        "session_id",
        "stream_id",
        "channel_id",
        "device_id",
        "call_id",
        "reason",
        "leg",
        "status",
        "duration_ms",
    ),
    "A session is over; `leg` tells which part failed, absent when none did.",
)
SESSION_REINVITED = LogEvent(
    "session.reinvited",
    Level.INFO,
    ("session_id", "stream_id", "device_id", "call_id", "reason"),
    "The stream broke while people watch; the device is invited again and the viewers stay.",
)
SESSION_STRAY_ANSWER = LogEvent(
    "session.stray_answer",
    Level.WARNING,
    ("device_id", "call_id", "status", "remote"),
    "An answer came for a call that is over; a late 200 is acknowledged and ended with BYE.",
)
SESSION_LEFTOVER_CLOSED = LogEvent(
    "session.leftover_closed",
    Level.INFO,
    ("session_id", "device_id", "call_id"),
    "A call of the run before got its BYE at start.",
)
SESSION_RECONCILED = LogEvent(
    "session.reconciled",
    Level.ERROR,
    ("session_id", "stream_id", "reason"),
    "The ledger and the media node disagreed and were brought together.",
)

SESSION_ADDRESS_REFUSED = LogEvent(
    "session.address_refused",
    Level.WARNING,
    ("session_id", "call_id", "remote"),
    "The SDP of a device names a media address it does not come from and nobody allowed.",
)
SESSION_UNANSWERED_BYES = LogEvent(
    "session.unanswered_byes",
    Level.WARNING,
    (),
    "At stop some devices did not answer their BYE in time; `count` says how many.",
)

# --- playback ------------------------------------------------------------------------------------
PLAYBACK_CONTROLLED = LogEvent(
    "playback.controlled",
    Level.INFO,
    ("session_id", "stream_id", "device_id", "action", "status"),
    "A device answered a control of its recording, or one of the platform's own was controlled.",
)
DOWNLOAD_ENDED = LogEvent(
    "download.ended",
    Level.INFO,
    ("download_id", "channel_id", "device_id", "state", "reason", "size"),
    "A download came to an end: done, broken or failed.",
)
PLAYBACK_ENDING_UNCLEAR = LogEvent(
    "playback.ending_unclear",
    Level.WARNING,
    ("device_id",),
    "A device told the end of a recording, and it is not clear of which.",
)

# --- media ---------------------------------------------------------------------------------------
MEDIA_STREAM_OPENED = LogEvent(
    "media.stream_opened",
    Level.INFO,
    ("stream_id", "session_id", "local", "remote", "transport", "ssrc", "video", "audio"),
    "Media of a stream can be decoded.",
)
MEDIA_STREAM_CLOSED = LogEvent(
    "media.stream_closed",
    Level.INFO,
    ("stream_id", "reason", "packets", "lost"),
    "A stream and its viewers are closed.",
)
MEDIA_SILENT = LogEvent(
    "media.silent",
    Level.WARNING,
    ("stream_id", "session_id", "seconds", "reason"),
    "No packet came for a while.",
)
MEDIA_PACKETS_LOST = LogEvent(
    "media.packets_lost",
    Level.WARNING,
    ("stream_id", "lost", "dropped_by_kernel"),
    "Packets are missing.",
)
MEDIA_FOREIGN_SOURCE = LogEvent(
    "media.foreign_source",
    Level.WARNING,
    ("stream_id", "remote"),
    "Packets from an address that may not send here.",
)
MEDIA_READER_DROPPED = LogEvent(
    "media.reader_dropped",
    Level.WARNING,
    ("stream_id", "remote"),
    "A viewer too slow was cut to the next key frame.",
)
MEDIA_FORMAT_CHANGED = LogEvent(
    "media.format_changed",
    Level.INFO,
    ("stream_id", "video", "audio"),
    "Resolution or codec changed in mid-stream.",
)
MEDIA_SSRC_CHANGED = LogEvent(
    "media.ssrc_changed",
    Level.INFO,
    ("stream_id", "ssrc", "previous"),
    "The sender goes on with another SSRC.",
)
MEDIA_UNSUPPORTED = LogEvent(
    "media.unsupported",
    Level.WARNING,
    ("stream_id", "session_id", "codec"),
    "The codec cannot be handed on.",
)
MEDIA_NO_SOUND = LogEvent(
    "media.no_sound",
    Level.WARNING,
    ("stream_id", "reason"),
    "Somebody listens, and no AAC can be made of the sound: the stream goes out without it.",
)
MEDIA_RECEIVER_FAILED = LogEvent(
    "media.receiver_failed",
    Level.WARNING,
    ("stream_id", "session_id", "reason", "remote"),
    "A receiver cannot go on.",
)

# --- control -------------------------------------------------------------------------------------
CONTROL_ANSWER_STRAY = LogEvent(
    "control.answer_stray",
    Level.INFO,
    ("device_id", "command", "sn"),
    "A device sent a Response nobody waits for: an unknown SN, or too late.",
)
CONTROL_ANSWER_FLAWED = LogEvent(
    "control.answer_flawed",
    Level.WARNING,
    ("device_id", "command", "problems", "expected", "received"),
    "A device's answer had wrong, doubled or missing fields; what was usable was used.",
)

PTZ_DEADMAN_STOP = LogEvent(
    "ptz.deadman_stop",
    Level.INFO,
    ("channel_id", "moving", "reason"),
    "A move was stopped because its caller fell silent or the platform stops; with a reason: the "
    "stop did not arrive.",
)

SNAPSHOT_FALLBACK = LogEvent(
    "snapshot.fallback",
    Level.INFO,
    ("channel_id", "reason"),
    "A device did not bring the picture it was asked for; it is taken out of the stream instead.",
)
SNAPSHOT_FINISHED = LogEvent(
    "snapshot.finished",
    Level.INFO,
    ("device_id", "session_id", "files", "known"),
    "A device says how many pictures it brought.",
)
SNAPSHOT_REFUSED = LogEvent(
    "snapshot.refused",
    Level.WARNING,
    ("device_id", "channel_id", "reason", "size"),
    "What a device brought is no sound picture.",
)
DEVICE_UPGRADE_ENDED = LogEvent(
    "device.upgrade_ended",
    Level.INFO,
    ("device_id", "session_id", "result", "reason", "known"),
    "A device tells how its firmware upgrade ended.",
)

# --- store ---------------------------------------------------------------------------------------
STORE_OPENED = LogEvent(
    "store.opened",
    Level.INFO,
    ("backend", "revision", "duration_ms"),
    "The database is open and migrated.",
)
STORE_RESTORED = LogEvent(
    "store.restored",
    Level.INFO,
    ("devices", "channels", "intervals", "dialogs", "duration_ms"),
    "The state of the run before is in memory.",
)
STORE_FLUSH_FAILED = LogEvent(
    "store.flush_failed",
    Level.ERROR,
    ("rows", "reason"),
    "A batch could not be written; it is kept and tried again.",
)
STORE_RETENTION_APPLIED = LogEvent(
    "store.retention_applied",
    Level.INFO,
    ("rows", "before"),
    "Rows older than the retention were removed.",
)
STORE_ROW_SKIPPED = LogEvent(
    "store.row_skipped",
    Level.ERROR,
    ("table", "key", "reason"),
    "A stored row contradicts another one and was not restored.",
)
STORE_SECRET_UNREADABLE = LogEvent(
    "store.secret_unreadable",
    Level.ERROR,
    ("device_id",),
    "A stored password cannot be decrypted with this key file; the default password counts.",
)
STORE_BACKUP_WRITTEN = LogEvent(
    "store.backup_written",
    Level.INFO,
    ("path", "size", "duration_ms"),
    "A backup of the database was written.",
)

# --- subscription --------------------------------------------------------------------------------
SUBSCRIPTION_ACTIVE = LogEvent(
    "subscription.active",
    Level.INFO,
    ("device_id", "subscription", "sip_event"),
    "A device agreed to notify us.",
)
SUBSCRIPTION_LOST = LogEvent(
    "subscription.lost",
    Level.INFO,
    ("device_id", "subscription", "state", "reason"),
    "A subscription is not in force any more; `state` says what happens next.",
)
SUBSCRIPTION_UNKNOWN_DIALOG = LogEvent(
    "subscription.unknown_dialog",
    Level.WARNING,
    ("device_id", "subscription"),
    "A device notified in a dialog we do not know; it was taken, because the kind is wanted.",
)

# --- alarm ---------------------------------------------------------------------------------------
ALARM_RAISED = LogEvent(
    "alarm.raised",
    Level.INFO,
    ("device_id", "alarm_id", "channel_id", "priority", "method", "alarm_type"),
    "A device raised an alarm.",
)
ALARM_DROPPED = LogEvent(
    "alarm.dropped",
    Level.WARNING,
    ("device_id", "reason"),
    "An alarm was not stored: its device sends more than its share.",
)
ALARM_FLAWED = LogEvent(
    "alarm.flawed",
    Level.WARNING,
    ("device_id", "reason"),
    "Fields of an alarm could not be used; the rest was.",
)
ALARM_RECEIPT_LOST = LogEvent(
    "alarm.receipt_lost",
    Level.WARNING,
    ("device_id", "reason"),
    "A device did not take the receipt of its alarm.",
)
ALARM_ACTION_FAILED = LogEvent(
    "alarm.action_failed",
    Level.WARNING,
    ("rule_id", "alarm_id", "action", "reason"),
    "What a rule wanted to follow from an alarm did not come about.",
)

# --- position ------------------------------------------------------------------------------------
POSITION_FLAWED = LogEvent(
    "position.flawed",
    Level.WARNING,
    ("device_id", "reason"),
    "A reported position could not be used.",
)

# --- api -----------------------------------------------------------------------------------------
API_LISTENING = LogEvent("api.listening", Level.INFO, ("local", "url"), "The HTTP socket is bound.")
API_REQUEST = LogEvent(
    "api.request",
    Level.DEBUG,
    ("method", "path", "status", "duration_ms", "user", "remote"),
    "An HTTP call was answered.",
)
API_REQUEST_FAILED = LogEvent(
    "api.request_failed",
    Level.ERROR,
    ("method", "path", "reason"),
    "An HTTP call failed by a defect of our own.",
)
API_LOGIN = LogEvent("api.login", Level.INFO, ("user", "remote"), "A user got a token.")
API_LOGIN_FAILED = LogEvent(
    "api.login_failed", Level.WARNING, ("user", "remote", "reason"), "A login was refused."
)

# --- library -------------------------------------------------------------------------------------
LIBRARY_MESSAGE = LogEvent(
    "library.message",
    Level.WARNING,
    ("message",),
    "A library wrote this line; its level is the library's and `component` the library's logger.",
)

# --- conformance ---------------------------------------------------------------------------------
CONFORMANCE_STARTED = LogEvent(
    "conformance.started",
    Level.INFO,
    ("device_id", "run_id", "items"),
    "A device is examined.",
)
CONFORMANCE_ENDED = LogEvent(
    "conformance.ended",
    Level.INFO,
    ("device_id", "run_id", "state", "passed", "failed", "not_offered", "person", "skipped"),
    "The examination of a device is over; the figures count its items.",
)

"""The reference page of errors, from `gb28181/errors.py` and the places that raise them.

The codes are found in the source. One without a text here is shown with the status and the message
it is raised with; a test looks for texts without a code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from docs.tools.tables import table
from gb28181.api.errors import _CODES as OF_STATUS
from gb28181.errors import LEG_STATUS, Leg

STATUSES = {"Conflict": 409, "Busy": 503}
SOURCE = Path(__file__).resolve().parents[2] / "gb28181"

LEGS: dict[Leg, tuple[str, str]] = {
    Leg.DEVICE_OFFLINE: (
        "The device is not online, so nothing was sent; or it went offline meanwhile.",
        "its power and network; `GET /api/v1/devices/{device_id}/intervals` says since when and"
        " why",
    ),
    Leg.NO_PORT: (
        "No media port or SSRC is free, or the port could not be opened.",
        "`media.ports`, open files of the process (`ulimit -n`)",
    ),
    Leg.INVITE_TIMEOUT: (
        "The device did not answer the INVITE, or the INVITE could not be sent.",
        "the way to the device: NAT that forgot the port, firewall; a shorter heartbeat, or SIP"
        " over TCP",
    ),
    Leg.INVITE_REJECTED: (
        "The device refused, `sip_status` says how; or its answer cannot be used (`sip_status`"
        " 200, the message says why).",
        "486: the device has no stream left; 488 or 415: another transport; port 0 in the answer:"
        " the channel has no camera",
    ),
    Leg.NO_MEDIA: (
        "The device said yes, and no picture that can be decoded arrived.",
        "`media.host`, the firewall between the device and `media.ports`, `tcp-passive` instead"
        " of `udp`",
    ),
    Leg.MEDIA_STOPPED: (
        "The picture was there and stopped: silence, BYE of the device, or the session was ended.",
        "`reason` of the session; the device's own log",
    ),
    Leg.UNSUPPORTED_CODEC: (
        "Media arrives in a codec that is not carried (MPEG-4, SVAC, ...).",
        "H.264 or H.265 in the device's video settings",
    ),
}

STATUS_OF_CODE: dict[str, tuple[int, str]] = {
    "bad_input": (422, "A value cannot be used; `detail` names every problem."),
    "bad_request": (400, "The request cannot be read."),
    "channel_unknown": (404, "There is no channel with this id."),
    "device_busy": (503, "So many questions to this device are under way already."),
    "device_exists": (409, "The device was entered before."),
    "device_refused": (502, "The device answered and said no; `sip_status` says how at SIP level."),
    "device_timeout": (504, "The device did not answer in time."),
    "device_unknown": (404, "There is no device with this id."),
    "export_not_done": (409, "The export is not finished, or has failed."),
    "export_unknown": (404, "There is no export with this id."),
    "exports_queued": (503, "As many exports as may be wait already."),
    "formats_differ": (
        409,
        "The codec changes within the time asked for, at `detail.changes_at`: no player reads that"
        " in one MP4; `detail.parts` are the stretches that are one.",
    ),
    "forbidden": (403, "The account is known and may not do that."),
    "internal": (500, "A defect of the platform; `request_id` finds its traceback in the log."),
    "media_node_unknown": (404, "There is no media node of this name."),
    "microphone_busy": (409, "Somebody speaks in this talk already."),
    "method_not_allowed": (405, "The address exists, not with this method."),
    "node_unknown": (404, "There is no such node in the tree."),
    "not_found": (404, "There is no such call or file."),
    "not_supported": (501, "The device, or its edition of the standard, does not have this."),
    "range_unsatisfiable": (416, "The Range lies behind the end of the file."),
    "recording_plan_unknown": (404, "There is no recording plan with this id."),
    "recording_damaged": (409, "The files of this time cannot be read as recordings."),
    "recording_store_away": (
        503,
        "The store with the recordings of this time does not answer, or refuses us; nothing is"
        " lost.",
    ),
    "recording_unknown": (404, "Nothing was recorded in this time."),
    "segment_growing": (409, "The file is being recorded."),
    "segment_protected": (409, "The file is protected; take that back first."),
    "segment_unknown": (404, "There is no recorded file with this id."),
    "source_is_fetched": (409, "The source is fetched by RTSP; only one that publishes has a key."),
    "session_not_running": (409, "The session is not in a state that allows this."),
    "session_unknown": (404, "There is no session with this id, or it is forgotten."),
    "stream_unknown": (404, "There is no such stream."),
    "talk_busy": (409, "Somebody talks to this target already."),
    "talk_has_no_microphone": (409, "The talk plays a file, or is over."),
    "talk_unknown": (404, "There is no talk with this id, or it is forgotten."),
    "talks_busy": (503, "As many talks as may be are open already."),
    "too_large": (413, "The body of the request is too large."),
    "too_many_logins": (429, "Too many failed logins of this user from this address."),
    "unauthorised": (401, "Credentials are missing or wrong; a ticket is wrong or too old."),
    "unavailable": (503, "Not now."),
    "unsupported_media_type": (415, "The body has the wrong type."),
    "viewer_unknown": (404, "There is no such viewer, or it looks no longer."),
    "voice_lost": (500, "The file of a recorded speech is gone from the data directory."),
    "voice_unknown": (404, "There is no recorded speech with this id."),
    "voices_busy": (503, "Other audio files are being decoded; try again."),
    "voices_full": (409, "As many recorded speeches as may be are kept; delete one."),
    "viewers_exhausted": (503, "The stream, or the node, has as many viewers as it may have."),
}

HEAD = """\
# Errors

<!-- Made by `make reference` from gb28181/errors.py and docs/tools/error_codes.py. -->

Every refusal of the HTTP API has one form, on streams and WebSockets too (before their upgrade):

```json
{"error": {"code": "invite_rejected", "message": "the device refused: 486 Busy Here",
           "leg": "invite_rejected", "sip_status": 486, "detail": {"reason": "invite_rejected"},
           "request_id": "4d793eb5c85d8404"}}
```

`code` is for programs and stays as it is; `message` is for people and may change. `leg` names the
step of a pull that failed, else null. `sip_status` is the device's own status where there was one.
`request_id` also stands in the header `X-Request-ID` and in the log.

## Legs

In the order in which a pull takes them. The code is the name of the leg.

"""

CODES = """\
## Codes

A call may also be refused with the code of a leg, as above.

"""

SIP = """\
## SIP statuses the platform sends

| Status | When |
|---|---|
| 200 | accepted; for a MESSAGE it says only that the body could be read |
| 400 | the request, its credentials or its body cannot be read |
| 401 | credentials are needed; with `stale=true` the nonce is old or its count was used |
| 403 | wrong password, no such id, not allowed, locked out; a MESSAGE without registration |
| 405 | a method nobody serves; `Allow` names those that are |
| 420 | `Require` names an extension we do not have |
| 481 | BYE, INFO, NOTIFY of a dialog nobody knows |
| 487 | an INVITE to us was cancelled |
| 489 | SUBSCRIBE: there is nothing to subscribe to yet |
| 500 | a defect of ours; the request can be sent again |
| 503 | too much unauthenticated traffic at once, with `Retry-After` |
| 505 | not SIP/2.0 |
| silence | what is no SIP message; and whoever has used up a budget ([figures](behaviour.md)) |
"""


def page() -> str:
    legs = table(
        ("Leg", "HTTP", "Meaning", "Where to look"),
        (
            (f"`{leg.value}`", str(LEG_STATUS[leg]), *LEGS.get(leg, ("", "")))
            for leg in sorted(Leg, key=list(LEGS).index)
        ),
    )
    codes = table(
        ("Code", "HTTP", "Meaning"),
        ((f"`{code}`", str(status), words) for code, (status, words) in known_codes().items()),
    )
    return "\n".join([HEAD.rstrip("\n") + "\n", legs, CODES.rstrip("\n") + "\n", codes, SIP])


def known_codes() -> dict[str, tuple[int, str]]:
    """Every code with its status and a text, in the order of the alphabet."""
    found = found_codes()
    return {code: STATUS_OF_CODE.get(code, found[code]) for code in sorted(found)}


def found_codes() -> dict[str, tuple[int, str]]:
    """Every code the source can answer with, those of the legs apart, as it is raised."""
    codes = {code: (status, "") for status, code in OF_STATUS.items()}
    for path in sorted(SOURCE.rglob("*.py")):
        if "static" not in path.parts:
            codes |= dict(_codes(ast.parse(path.read_text("utf-8"))))
    return {code: facts for code, facts in codes.items() if code not in set(Leg)}


def _codes(tree: ast.Module) -> Iterator[tuple[str, tuple[int, str]]]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        first, name = node.args[0], ast.unparse(node.func)
        if not (isinstance(first, ast.Constant) and isinstance(first.value, str)):
            continue
        if name == "NotFound":
            yield f"{first.value}_unknown", (404, f"There is no {first.value} of this name.")
        elif name in STATUSES:
            yield first.value, (STATUSES[name], _words(node))
        elif name in ("PlatformError", "super().__init__") and len(node.args) > 2:
            status = node.args[2]
            if isinstance(status, ast.Constant) and isinstance(status.value, int):
                yield first.value, (status.value, _words(node))


def _words(call: ast.Call) -> str:
    """The message of an error, with `...` for what is filled in."""
    message = call.args[1] if len(call.args) > 1 else None
    if isinstance(message, ast.Constant):
        return str(message.value)
    if isinstance(message, ast.JoinedStr):
        parts = (str(p.value) if isinstance(p, ast.Constant) else "..." for p in message.values)
        return "".join(parts)
    return ""

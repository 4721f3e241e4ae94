"""Habits of a device that the standard does not allow and that we tolerate: noted, never refused.

A note is `code: sample`. A device with notes is shown with them, because half of all field trouble
is a wrong server id or domain typed into a camera (contract: `config_warnings`).
"""

from __future__ import annotations

from sip.errors import ParseError
from sip.message import Request
from sip.uri import SipUri

MOST_NOTES = 20
MOST_SAMPLE = 120


def of_register(request: Request, server_id: str, digest_uri: str | None) -> list[str]:
    """What is odd about a REGISTER."""
    notes = [_of_uri("request_uri", request.uri, server_id)]
    if digest_uri is not None:
        notes.append(_of_uri("digest_uri", digest_uri, server_id))
    if request.contact is None and not request.has_wildcard_contact:
        notes.append("contact: REGISTER without a Contact")
    expires = request.headers.get("Expires")
    if expires is not None and not _is_number(expires):
        notes.append(_note("expires", expires))
    if request.to_user != request.from_user:
        notes.append(_note("to", str(request.to.uri)))
    return [note for note in notes if note]


def _of_uri(code: str, text: str, server_id: str) -> str:
    """Empty when the URI names us by id; the domain part is nobody's business."""
    if text.startswith(f"sip:{server_id}@"):
        return ""  # nearly always; the long way says the same
    try:
        user = SipUri.parse(text).plain_user
    except ParseError:
        user = ""
    if user == server_id:
        return ""
    kind = "names another server" if user else "names only an address"
    return _note(code, f"{text[:MOST_SAMPLE]} {kind}")


def _note(code: str, sample: str) -> str:
    return f"{code}: {sample[: MOST_SAMPLE + 24]}"


def _is_number(text: str) -> bool:
    stripped = text.strip()
    return stripped.isascii() and stripped.isdigit()


def merged(old: list[str], new: list[str], codes: tuple[str, ...]) -> list[str]:
    """The notes after a fresh look at `codes`: theirs are replaced, others stay."""
    kept = [note for note in old if note.partition(":")[0] not in codes]
    return (kept + new)[:MOST_NOTES]


REGISTER_CODES = ("request_uri", "digest_uri", "contact", "expires", "to")

"""The one error the MANSCDP decoder raises.

    BadXml the peer's body cannot be read; `reason` is one of a closed set, `status_hint` what SIP
    may answer

A field with a wrong value is *not* an error: it is dropped and listed in `problems` of the message.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a body was refused."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_NODES = "too_many_nodes"
    DOCTYPE = "doctype"
    MALFORMED = "malformed"
    UNKNOWN_ROOT = "unknown_root"
    NO_COMMAND = "no_command"


_STATUS = {Reason.TOO_LARGE: 413, Reason.UNKNOWN_ROOT: 415}


class BadXml(Exception):
    """A body that is no MANSCDP message, or one that tries to hurt us."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail

    @property
    def status_hint(self) -> int:
        """The SIP status that tells the sender what is wrong."""
        return _STATUS.get(self.reason, 400)

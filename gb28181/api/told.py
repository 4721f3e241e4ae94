"""What routes that talk to devices share: who asks, answers to commands, refusals for OpenAPI."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, Field

from gb28181.control.commands import Done
from gb28181.control.target import Caller

from .guard import ROLES, Principal

Force = Annotated[
    bool,
    Query(description="ask a device of the 2016 edition for what only 2022 has"),
]
"""A parameter of routes that are in 2022 only."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {"description": "no such device or channel"},
    409: {"description": "the device is offline, or another operator holds the camera"},
    501: {"description": "the device's edition of the standard does not have this"},
    502: {"description": "the device refused: at SIP level or with Result ERROR"},
    504: {"description": "the device did not answer in time"},
}


class Taken(BaseModel):
    """The device took a command."""

    sip_status: int = Field(description="of the device's SIP answer")
    result: str | None = Field(None, description="`OK` where the command has a Response")


def taken(done: Done | int) -> Taken:
    """The answer to a command."""
    if isinstance(done, int):
        return Taken(sip_status=done, result=None)
    return Taken(sip_status=done.sip_status, result=done.result)


def caller(principal: Principal) -> Caller:
    """Who asks, with the rank that decides who may take a camera over."""
    rank = ROLES.index(principal.role) if principal.role in ROLES else 0
    return Caller(principal.name, rank)

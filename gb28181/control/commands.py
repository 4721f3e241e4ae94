"""Commands besides moving a camera: one way for all of them.

An action with a Response (RecordCmd, GuardCmd, AlarmCmd, HomePosition, DeviceUpgrade) is done when
that says OK; the others when the device's SIP answer came (2022 9.3.1, tables 1-3). Actions of
2022 are refused for a device of 2016 unless the caller insists.
"""

from __future__ import annotations

from dataclasses import dataclass

from gb28181.control.query import Queries
from gb28181.control.target import Target
from gb28181.errors import DeviceRefused
from gb28181.manscdp.actions import ANSWERED, OF_2022, Action, IFrame, PtzCmd
from gb28181.manscdp.commands.device_control import DeviceControl, DeviceControlResponse


@dataclass(frozen=True, slots=True)
class Done:
    """What is known of a command that was taken."""

    sip_status: int
    result: str | None
    """`OK` where the command has a Response, else None."""


class Commands:
    """One per node."""

    def __init__(self, queries: Queries, *, timeout_s: float, answer_s: float) -> None:
        self._queries = queries
        self._timeout_s = timeout_s
        self._answer_s = answer_s

    async def do(self, target: Target, action: Action, *, force: bool = False) -> Done:
        """Raises LegFailed(device_offline), DeviceRefused, DeviceTimeout, NotSupported."""
        if isinstance(action, PtzCmd):
            raise TypeError("cameras are moved by PtzControl")
        if isinstance(action, OF_2022):
            target.require_2022(type(action).__name__, force=force)
        message = DeviceControl("", target.code, action)
        if not isinstance(action, ANSWERED):
            status = await self._queries.tell(target.device_id, message, timeout=self._timeout_s)
            return Done(status, None)
        answer = await self._queries.ask(target.device_id, message, timeout=self._answer_s)
        response = answer.first
        if isinstance(response, DeviceControlResponse) and not response.ok:
            raise DeviceRefused(
                f"device {target.device_id} says ERROR", sip_status=200, detail={"result": "ERROR"}
            )
        return Done(200, "OK")

    async def key_frame(self, target: Target) -> Done:
        """Ask for a key frame, in the spelling of the device's edition."""
        return await self.do(target, IFrame(old_spelling=not target.of_2022))

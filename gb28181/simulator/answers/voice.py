"""Broadcast: whether a device listens. GB/T 28181-2022 9.12.1; 2016 the same."""

from __future__ import annotations

from gb28181.manscdp.commands.broadcast import BroadcastNotify, BroadcastResponse
from gb28181.simulator.answers.asked import Asked, Listen, Reply

VOICE_OUTPUT = "137"


def answer(asked: Asked) -> Reply:
    """Yes for itself, its channels and its loudspeakers, and then it calls."""
    message = asked.message
    if not isinstance(message, BroadcastNotify):
        return Reply()
    target = message.device_id
    own = target == asked.spec.device_id or asked.channel(target) is not None
    ok = own or target[10:13] == VOICE_OUTPUT
    response = BroadcastResponse(message.sn, target, ok)
    deeds = [Listen(target, message.source_id or asked.server_id)] if ok else []
    return Reply([asked.written(response)], deeds=[*deeds])

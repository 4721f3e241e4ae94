"""Who may speak: the gate every MESSAGE passes, and what a heartbeat does to the binding.

A message counts when its sender's registration holds and it comes from where the device is:

- the same flow: yes;
- the same address, another port or connection: yes, and a *heartbeat* moves the binding there
  (NAT mappings change; Huaxia cameras change the port without a new REGISTER);
- another address: no. 403 makes the device register again, which proves that it is the device.

On the hot path this is one dictionary look-up and one comparison; nothing is allocated.
"""

from __future__ import annotations

from enum import Enum, auto

from gb28181.device.model import Device
from sip.flow import Flow


class Gate(Enum):
    """What the gate says."""

    PASS = auto()
    PASS_ELSEWHERE = auto()
    """Same address, other port or connection."""
    NOT_REGISTERED = auto()
    OTHER_ADDRESS = auto()


def gate(device: Device, flow: Flow, now: float) -> Gate:
    """Whether a message that names `device` and came in on `flow` is to be believed."""
    if not device.presence.registered(now):
        return Gate.NOT_REGISTERED
    peer = device.peer
    if peer is flow or peer == flow:
        return Gate.PASS
    host = peer.remote[0] if peer is not None else device.registration.remote_host
    return Gate.PASS_ELSEWHERE if host == flow.remote[0] else Gate.OTHER_ADDRESS

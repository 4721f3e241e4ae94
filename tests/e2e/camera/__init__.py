"""A second, independent camera for the end-to-end tests: standard library only.

It shares no line with the product: literal SIP, SDP and XML text, its own digest client, its own
program stream writer. A mistake the product makes on both of its own ends shows up here.
"""

from .bodies import channel_item
from .calls import OpenCall
from .camera import Camera
from .elementary import Source, load
from .exchange import NoAnswer
from .faults import Faults, doubled, lost, shuffled
from .fleet import Fleet
from .history import cmd
from .loop import Loop, shared_loop
from .recordings import Record
from .speaker import Ear, Hearing, Speaker
from .text import Msg

__all__ = [
    "Camera",
    "Ear",
    "Faults",
    "Fleet",
    "Hearing",
    "Loop",
    "Msg",
    "NoAnswer",
    "OpenCall",
    "Record",
    "Source",
    "Speaker",
    "channel_item",
    "cmd",
    "doubled",
    "load",
    "lost",
    "shared_loop",
    "shuffled",
]

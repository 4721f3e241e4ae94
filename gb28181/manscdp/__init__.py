"""MANSCDP, the XML of GB/T 28181: bodies of MESSAGE and NOTIFY in, typed messages out, and back.

    read(body, memory) -> Message       raises BadXml and nothing else
    write(message, charset) -> bytes
    decode / encode                     the frame alone

It knows no SIP and keeps no state: what was learnt about a device's charset lives in a
`CharsetMemory` the caller owns.
"""

from gb28181.manscdp.charset import Charset, CharsetMemory, override_of
from gb28181.manscdp.codec import Decoded, Node, decode, encode
from gb28181.manscdp.command import Command, GenericMessage, Message
from gb28181.manscdp.commands.catalog import CatalogQuery, CatalogResponse
from gb28181.manscdp.commands.catalog_event import CatalogChange, CatalogNotify, ItemEvent
from gb28181.manscdp.commands.device_info import DeviceInfoQuery, DeviceInfoResponse
from gb28181.manscdp.commands.keepalive import Keepalive
from gb28181.manscdp.commands.media_status import MediaStatus
from gb28181.manscdp.commands.record_info import (
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
)
from gb28181.manscdp.errors import BadXml, Reason
from gb28181.manscdp.messages import from_decoded, read, write
from gb28181.manscdp.xml import Limits

__all__ = [
    "BadXml",
    "CatalogChange",
    "CatalogNotify",
    "CatalogQuery",
    "CatalogResponse",
    "Charset",
    "CharsetMemory",
    "Command",
    "Decoded",
    "DeviceInfoQuery",
    "DeviceInfoResponse",
    "GenericMessage",
    "ItemEvent",
    "Keepalive",
    "Limits",
    "MediaStatus",
    "Message",
    "Node",
    "Reason",
    "RecordInfoQuery",
    "RecordInfoResponse",
    "RecordItem",
    "decode",
    "encode",
    "from_decoded",
    "override_of",
    "read",
    "write",
]

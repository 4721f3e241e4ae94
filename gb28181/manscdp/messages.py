"""Bodies <-> typed messages: the two calls the rest of the platform uses, `read` and `write`.

A known (root, CmdType) gives the type its file in `commands/` defines; any other gives a
GenericMessage, so that nothing a device says is lost. `read` takes the short way for the usual
Keepalive, which is most of all traffic.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from gb28181.manscdp import registry, xml
from gb28181.manscdp.charset import CharsetMemory
from gb28181.manscdp.codec import DEFAULT_LIMITS, Decoded, Node, decode, encode
from gb28181.manscdp.command import GenericMessage, Message
from gb28181.manscdp.commands.keepalive import quick
from gb28181.manscdp.xml import Limits

_FRAME = frozenset({"cmdtype", "sn", "deviceid"})
_MOST_TEXT = 4096


def read(
    body: bytes, memory: CharsetMemory | None = None, limits: Limits = DEFAULT_LIMITS
) -> Message:
    """The message in a body; raises BadXml and nothing else."""
    keepalive = quick(body)
    return keepalive if keepalive is not None else from_decoded(decode(body, memory, limits))


def from_decoded(decoded: Decoded) -> Message:
    """The message of a frame that was already read."""
    command = registry.lookup(decoded.root, decoded.command)
    if command is None:
        return _generic(decoded)
    message: Message = command.read(decoded)
    return message


def write(message: Message, charset: str = "GB2312") -> bytes:
    """The body of a message; the label decides between GB18030 and UTF-8 bytes."""
    command = registry.of_type(message)
    if command is not None:
        children = command.write(message)
        device_id = message.device_id if command.names_device else ""
        return encode(command.root, command.name, message.sn, device_id, children, charset)
    if not isinstance(message, GenericMessage):
        raise TypeError(f"no command writes {type(message).__name__}")
    children = _nodes(message.content)
    return encode(message.root, message.command, message.sn, message.device_id, children, charset)


def _generic(decoded: Decoded) -> GenericMessage:
    content = _content(decoded.tree)
    inner = content if isinstance(content, dict) else {}
    return GenericMessage(
        sn=decoded.sn,
        device_id=decoded.device_id,
        root=decoded.root,
        command=decoded.command,
        content={name: value for name, value in inner.items() if name.lower() not in _FRAME},
    )


def _content(element: Element) -> str | dict[str, Any]:
    """A text for a leaf, else name -> value; depth is bounded by the limits of the parser."""
    if len(element) == 0 and not element.attrib:
        return xml.text_of(element)[:_MOST_TEXT]
    found: dict[str, Any] = {f"@{name}": value for name, value in element.attrib.items()}
    for inner in element:
        name, value = xml.name_of(inner), _content(inner)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _nodes(content: Any) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for name, value in content.items():
        if name.startswith("@"):
            continue
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, dict):
                attributes = tuple((k[1:], str(v)) for k, v in one.items() if k.startswith("@"))
                nodes.append(Node(name, _nodes(one), attributes))
            else:
                nodes.append(Node(name, str(one)))
    return tuple(nodes)

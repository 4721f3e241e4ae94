"""Decoding any bytes returns a message or raises BadXml: never another exception, never two
opinions.
"""

from __future__ import annotations

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from catalog.model import CatalogItem, ItemInfo
from gb28181.manscdp import (
    BadXml,
    CatalogResponse,
    CharsetMemory,
    DeviceInfoResponse,
    Keepalive,
    Limits,
    Message,
    decode,
    from_decoded,
    read,
    write,
)
from gb28181.manscdp.commands.keepalive import quick
from gb28181.manscdp.item import INFO_FIELDS, ITEM_FIELDS

FOLDER = Path(__file__).parents[1] / "vectors" / "manscdp"
BODIES = [path.read_bytes().partition(b"\r\n\r\n")[2] for path in sorted(FOLDER.glob("*.sip"))]
LIMITS = Limits(bytes=65536, depth=32, nodes=2000)

PIECES = [
    *(b"<Item>", b"</Item>", b"</Response>", b"<Notify>", b"<![CDATA[", b"]]>", b"<!--", b"-->"),
    *(b"&", b"&#0;", b"&#x110000;", b"&lt;", b"<", b">", b"\x00", b"\xff", b"\x81", b"\xe4\xb8"),
    *(b"<!DOCTYPE x>", b"<?xml ?>", b"<?pi ?>", b"\xef\xbb\xbf", b"\xff\xfe", "一".encode()),
    *(b"<Address>", b"</Address>", b' xmlns="x"', b"<a:b/>", b"-1", b"9" * 40, b"SumNum", b""),
]


def attempt(body: bytes, memory: CharsetMemory | None = None) -> Message | None:
    try:
        return read(body, memory, LIMITS)
    except BadXml:
        return None


@given(st.binary(max_size=400))
@example(b"\xff\xfe<\x00A\x00/\x00>\x00")
@example(b"\xff\xfe\x00")
@example(b"\x84\x31\x95\x33\xff")
def test_any_bytes(body: bytes) -> None:
    attempt(body)


@given(st.text(max_size=200), st.sampled_from(["utf-8", "gb18030", "utf-16"]))
def test_any_text_inside_a_frame(text: str, encoding: str) -> None:
    head = "<Notify><CmdType>Catalog</CmdType><SN>1</SN>"
    attempt(
        f"{head}<A>{text}</A></Notify>".encode(
            encoding, "surrogatepass" if "utf" in encoding else "replace"
        )
    )


@given(st.data())
def test_mutated_messages(data: st.DataObject) -> None:
    """Whole messages with pieces cut out, doubled, swapped and put in."""
    body = data.draw(st.sampled_from(BODIES))
    memory = CharsetMemory()
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 60)))
        piece = data.draw(
            st.sampled_from(PIECES) | st.just(body[start:end] * 2) | st.binary(max_size=8)
        )
        body = body[:start] + piece + body[end:]
        attempt(body, memory)


@given(st.sampled_from(BODIES[-6:]), st.data())
def test_the_quick_way_never_disagrees_with_the_full_one(body: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(body)))
    end = min(len(body), start + data.draw(st.integers(0, 12)))
    body = body[:start] + data.draw(st.sampled_from(PIECES) | st.binary(max_size=4)) + body[end:]
    short = quick(body)
    if short is not None:
        assert short == from_decoded(decode(body))


FIELD_NAMES = {element.lower() for element, _, _ in (*ITEM_FIELDS, *INFO_FIELDS)}
printable = st.text(
    st.characters(codec="gb18030", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zs", "Zl", "Zp"]),
    max_size=20,
).filter(lambda text: text.lower() not in FIELD_NAMES)
codes = st.text("0123456789", min_size=20, max_size=20)
numbers = st.none() | st.integers(0, 65535)
infos = st.builds(
    ItemInfo,
    ptz_type=numbers,
    resolution=printable,
    max_view_distance=st.none() | st.floats(0, 1e6, width=32).map(lambda x: round(x, 6)),
    record_save_days=numbers,
    point_common_name=printable,
)
items = st.builds(
    CatalogItem,
    device_id=codes,
    name=printable.filter(bool),
    manufacturer=printable,
    civil_code=printable,
    address=printable,
    parental=st.none() | st.booleans(),
    parent_id=printable,
    port=numbers,
    status_on=st.booleans(),
    longitude=st.none() | st.floats(-180, 180, width=32).map(lambda x: round(x, 6)),
    info=infos,
)


@given(st.lists(items, max_size=5), st.sampled_from(["GB2312", "UTF-8", "GB18030"]))
def test_a_page_reads_back_as_written_by_a_device_that_is_told(
    listed: list[CatalogItem], label: str
) -> None:
    """With the override set: a few rare characters alone do not tell which charset they are in."""
    message = CatalogResponse("1", "2", len(listed), len(listed) or None, tuple(listed))
    memory = CharsetMemory()
    memory.set_override(label)
    assert read(write(message, label), memory) == message


@given(items)
def test_an_item_survives_storage(item: CatalogItem) -> None:
    assert CatalogItem.from_dict(item.to_dict()) == item


@given(codes, st.lists(codes, max_size=5), st.booleans(), st.integers(0, 10**9))
def test_a_heartbeat_reads_back(code: str, faulty: list[str], ok: bool, sn: int) -> None:
    message = Keepalive(str(sn), code, ok, tuple(faulty))
    assert read(write(message)) == message


@given(printable.filter(lambda text: text.lower() != "devicename"), st.integers(0, 1_000_000))
def test_device_info_reads_back(name: str, channels: int) -> None:
    memory = CharsetMemory()
    memory.set_override("GB18030")
    message = DeviceInfoResponse("1", "2", True, name, channel=channels)
    assert read(write(message), memory) == message

"""Typed messages: the quick Keepalive, items with their dirt, the registry, generic commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.model import EMPTY_INFO, CatalogItem
from gb28181.manscdp import (
    CatalogResponse,
    DeviceInfoResponse,
    GenericMessage,
    Keepalive,
    Message,
    commands,
    decode,
    from_decoded,
    read,
    registry,
    write,
)
from gb28181.manscdp.commands.keepalive import quick
from gb28181.manscdp.item import INFO_FIELDS, ITEM_FIELDS

CAMERA = "64010400001320000011"
USUAL = (
    '<?xml version="1.0" encoding="GB2312"?>\r\n<Notify>\r\n<CmdType>Keepalive</CmdType>\r\n'
    f"<SN>17</SN>\r\n<DeviceID>{CAMERA}</DeviceID>\r\n<Status>OK</Status>\r\n</Notify>\r\n"
)


@pytest.mark.parametrize(
    "body",
    [
        USUAL,
        USUAL.replace("\r\n", "\n"),
        USUAL.replace("\r\n", ""),
        USUAL.replace("\r\n", "\r\n  "),
        USUAL.replace("GB2312", "UTF-8"),
        USUAL.replace('"', "'"),
        USUAL.partition("\r\n")[2],
        USUAL.replace("</Notify>", "<Info>\r\n</Info>\r\n</Notify>"),
        USUAL.replace("</Notify>", "<Info/></Notify>"),
    ],
)
@pytest.mark.clause("GB/T 28181-2022", "A.2.5.2")
def test_the_usual_heartbeat_takes_the_quick_way_and_means_the_same(body: str) -> None:
    sent = body.encode("ascii")
    assert quick(sent) == Keepalive("17", CAMERA)
    assert from_decoded(decode(sent)) == Keepalive("17", CAMERA)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("<Status>OK", "<Status>ERROR"), Keepalive("17", CAMERA, False)),
        (("<Status>OK</Status>", ""), Keepalive("17", CAMERA)),
        (("OK</Status>", "ok</Status>"), Keepalive("17", CAMERA)),
        (("<SN>17</SN>", "<SN></SN>"), Keepalive("", CAMERA)),
        (("<SN>17", "<SN>x-17"), Keepalive("x-17", CAMERA)),
        (("<SN>", "<!-- x --><SN>"), Keepalive("17", CAMERA)),
        (("Keepalive", " keepalive "), Keepalive("17", CAMERA)),
        ((CAMERA, "北"), Keepalive("17", "北")),
        (("Notify>", "NOTIFY>"), Keepalive("17", CAMERA)),
        (("<Notify>", "<Notify>\x00"), Keepalive("17", CAMERA)),
        (("</Notify>\r\n", "</Notify>x"), Keepalive("17", CAMERA)),
        (
            ("</Notify>", f"<Info><DeviceID>{CAMERA}</DeviceID><DeviceID/></Info></Notify>"),
            Keepalive("17", CAMERA, True, (CAMERA,)),
        ),
        (
            ("<SN>17</SN>", f"<Status>ERROR</Status><SN>17</SN><SN>18</SN><X>{'x' * 600}</X>"),
            Keepalive("17", CAMERA, False),
        ),
    ],
)
@pytest.mark.clause("GB/T 28181-2022", "A.2.5.2")
def test_an_unusual_heartbeat_takes_the_full_way(
    change: tuple[str, str], expected: Keepalive
) -> None:
    body = USUAL.replace(*change).encode("gb18030")
    assert body != USUAL.encode()
    assert quick(body) is None
    assert read(body) == expected


def item_of(xml: str) -> tuple[CatalogItem, tuple[str, ...]]:
    page = page_of(f"<DeviceList Num='1'><Item>{xml}</Item></DeviceList>")
    assert len(page.items) == 1
    return page.items[0], page.problems


def page_of(inner: str, total: str = "1") -> CatalogResponse:
    frame = f"<CmdType>Catalog</CmdType><SN>1</SN><DeviceID>{CAMERA}</DeviceID>"
    message = read(f"<Response>{frame}<SumNum>{total}</SumNum>{inner}</Response>".encode("gb18030"))
    assert isinstance(message, CatalogResponse)
    return message


HEAD = f"<DeviceID>{CAMERA}</DeviceID>"


@pytest.mark.parametrize(
    ("status", "on"),
    [
        *[(word, True) for word in ("ON", "on", "OK", "Ok", "ONLINE", "Online", "")],
        *[(word, False) for word in ("OFF", "off", "Offline", "OFFLINE", " OFF ")],
    ],
)
@pytest.mark.clause("GB/T 28181-2022", "A.2.1.9")
def test_every_usual_status_is_understood(status: str, on: bool) -> None:
    assert item_of(f"{HEAD}<Status>{status}</Status>") == (
        CatalogItem(CAMERA, name=CAMERA, status_on=on),
        (),
    )


def test_a_missing_status_is_on_and_an_unknown_one_too_but_told() -> None:
    assert item_of(HEAD)[0].status_on
    item, problems = item_of(f"{HEAD}<Status>sleeping</Status>")
    assert item.status_on
    assert problems == (f"{CAMERA} Status unknown: 'sleeping'",)


@pytest.mark.clause("GB/T 28181-2022", "A.2.1.9")
@pytest.mark.parametrize(("element", "attribute", "kind"), INFO_FIELDS)
def test_every_info_field_is_read_beside_info_too_and_in_any_case(
    element: str, attribute: str, kind: object
) -> None:
    inside = item_of(f"{HEAD}<Info><{element}>3</{element}></Info>")[0]
    beside = item_of(f"{HEAD}<{element.upper()}>3</{element.upper()}>")[0]
    assert inside == beside
    assert getattr(inside.info, attribute) in ("3", 3)


@pytest.mark.clause("GB/T 28181-2022", "annex O")
def test_a_place_of_capture_is_kept_as_the_device_writes_it() -> None:
    """Seven digits by annex O; some devices write several, or a word."""
    for code in ("0101010", "0101010/0102020", "entrance"):
        item, problems = item_of(
            f"{HEAD}<Info><CapturePositionType>{code}</CapturePositionType></Info>"
        )
        assert (item.info.capture_position_type, problems) == (code, ())


def test_a_value_in_info_beats_the_one_beside_it() -> None:
    item = item_of(f"{HEAD}<Info><PTZType>1</PTZType></Info><PTZType>2</PTZType>")[0]
    assert item.ptz_type == 1
    item = item_of(f"{HEAD}<PTZType>2</PTZType><Info><PTZType>1</PTZType></Info>")[0]
    assert item.ptz_type == 1


@pytest.mark.clause("GB/T 28181-2022", "A.2.1.9")
def test_the_business_group_is_read_in_both_places() -> None:
    group = "<BusinessGroupID>64010000002150000001</BusinessGroupID>"
    assert item_of(HEAD + group)[0] == item_of(f"{HEAD}<Info>{group}</Info>")[0]


def test_a_platform_spelling_of_the_imaging_type() -> None:
    tag = "PhotoelectricImagingTyp"
    assert item_of(f"{HEAD}<{tag}>1/2</{tag}>")[0].info.photoelectric_imaging_type == "1/2"


@pytest.mark.parametrize("element", [element for element, _, _ in ITEM_FIELDS])
def test_a_value_that_repeats_its_own_name_is_empty(element: str) -> None:
    item, problems = item_of(f"{HEAD}<{element}>{element}</{element}>")
    assert item == CatalogItem(CAMERA, name=CAMERA)
    assert problems == ()


@pytest.mark.parametrize(
    ("value", "parental"), [("0", False), ("1", True), ("65535", True), ("-1", True), ("yes", None)]
)
@pytest.mark.clause("GB/T 28181-2022", "A.2.1.9")
def test_parental(value: str, parental: bool | None) -> None:
    assert item_of(f"{HEAD}<Parental>{value}</Parental>")[0].parental is parental


@pytest.mark.parametrize(
    ("element", "value", "problem"),
    [
        ("Port", "99999", "out of range"),
        ("Port", "1e3", "not a number"),
        ("Port", "\uff11\uff12", "not a number"),
        ("Longitude", "inf", "not a number"),
        ("Longitude", "1" * 400, "not a number"),
        ("Latitude", "-90.01", "out of range"),
        ("RegisterWay", "-1", "out of range"),
        ("PTZType", "dome", "not a number"),
        ("Parental", "true", "not a number"),
    ],
)
def test_a_wrong_value_is_dropped_and_told(element: str, value: str, problem: str) -> None:
    item, problems = item_of(f"{HEAD}<{element}>{value}</{element}>")
    assert item == CatalogItem(CAMERA, name=CAMERA)
    assert len(problems) == 1
    assert problems[0].startswith(f"{CAMERA} {element} {problem}")


def test_a_long_text_is_cut_and_told() -> None:
    item, problems = item_of(f"{HEAD}<Name>{'名' * 300}</Name>")
    assert item.name == "名" * 256
    assert problems == (f"{CAMERA} Name cut to 256",)


@pytest.mark.parametrize("code", ["640104000013200001", "camera-01", "IPC_7.b", "6401", "A" * 32])
def test_a_code_that_is_no_gb_id_keeps_its_item(code: str) -> None:
    assert item_of(f"<DeviceID> {code} </DeviceID>")[0].device_id == code


@pytest.mark.parametrize("code", ["", " ", "A" * 33, "a b", "摄像头", "x&lt;y", "a/b", "a@b"])
def test_an_item_without_a_usable_code_is_counted_and_the_others_stay(code: str) -> None:
    page = page_of(
        f"<DeviceList><Item><DeviceID>{code}</DeviceID></Item><Item>{HEAD}</Item></DeviceList>", "2"
    )
    assert [item.device_id for item in page.items] == [CAMERA]
    assert page.unusable == 1
    assert page.problems[0].startswith("DeviceID unusable")


def test_unknown_elements_are_kept_but_not_endlessly() -> None:
    many = "".join(f"<X{n}>{'v' * 300}</X{n}>" for n in range(40))
    item = item_of(f"{HEAD}{many}<Info><Y>1</Y></Info>")[0]
    assert len(item.extra) == 32
    assert item.extra[0] == ("X0", "v" * 256)


def test_equal_info_blocks_are_one_object_and_none_is_the_shared_empty_one() -> None:
    info = "<Info><PTZType>4</PTZType><Resolution>6</Resolution></Info>"
    assert item_of(HEAD + info)[0].info is item_of(HEAD + info)[0].info
    assert item_of(HEAD)[0].info is EMPTY_INFO


@pytest.mark.clause("GB/T 28181-2022", "A.2.6.4")
@pytest.mark.parametrize("total", ["", "x", "-1", "1e9", "99999999999", "10000001"])
def test_a_sum_that_is_no_number_is_none_and_told(total: str) -> None:
    page = page_of(f"<DeviceList Num='x'><Item>{HEAD}</Item></DeviceList>", total)
    assert (page.sum_num, page.num) == (None, None)
    assert page.problems[0].startswith("SumNum")


def test_items_without_a_list_and_in_several_lists_are_found() -> None:
    assert len(page_of(f"<Item>{HEAD}</Item>").items) == 1
    assert len(page_of(f"<devicelist><item>{HEAD}</item></devicelist>" * 2).items) == 2


def test_the_password_is_read_but_neither_written_stored_nor_shown() -> None:
    item = item_of(f"{HEAD}<Password>s3cret</Password>")[0]
    assert item.password == "s3cret"
    assert "s3cret" not in repr(item)
    assert "s3cret" not in str(item.to_dict())
    assert b"s3cret" not in write(CatalogResponse("1", CAMERA, 1, 1, (item,)))


@pytest.mark.clause("GB/T 28181-2022", "A.2.6.5")
@pytest.mark.parametrize("channel", ["x", "-1", "99999999", ""])
def test_device_info_ignores_a_count_that_is_none(channel: str) -> None:
    body = (
        "<Response><CmdType>DeviceInfo</CmdType><SN>1</SN><DeviceID>1</DeviceID>"
        f"<Model>Model</Model><Channel>{channel}</Channel></Response>"
    )
    assert read(body.encode()) == DeviceInfoResponse("1", "1")


@pytest.mark.clause("GB/T 28181-2022", "annex A")
def test_every_file_of_commands_is_in_the_registry_and_every_type_round_trips() -> None:
    files = {path.stem for path in Path(str(commands.__file__)).parent.glob("[a-z]*.py")}
    modules = {command.type.__module__.rpartition(".")[2] for command in registry.COMMANDS}
    assert files == modules
    for command in registry.COMMANDS:
        message = command.type("5", CAMERA)
        assert type(read(write(message))) is command.type


def test_lookup_ignores_case_and_knows_root_and_command_together() -> None:
    assert registry.lookup("NOTIFY", "keepalive") is registry.lookup("Notify", "Keepalive")
    assert registry.lookup("Query", "Keepalive") is None


def test_two_commands_of_one_key_or_type_refuse_to_import() -> None:
    doubled = [registry.COMMANDS[0], registry.COMMANDS[0]]
    with pytest.raises(ImportError, match="two commands"):
        registry._by_key(doubled)
    with pytest.raises(ImportError, match="two commands"):
        registry._by_type(doubled)


def test_an_unknown_command_comes_as_nested_values_and_goes_back() -> None:
    body = (
        "<Control><CmdType>New</CmdType><SN>9</SN><DeviceID>1</DeviceID>"
        "<A>1</A><A>2</A><A>3</A><B x='1'><C/></B></Control>"
    )
    message = read(body.encode())
    content = {"A": ["1", "2", "3"], "B": {"@x": "1", "C": ""}}
    assert message == GenericMessage("9", "1", "Control", "New", content)
    assert read(write(message)) == message


def test_a_message_without_a_command_cannot_be_written() -> None:
    with pytest.raises(TypeError, match="no command writes Message"):
        write(Message("1", "2"))

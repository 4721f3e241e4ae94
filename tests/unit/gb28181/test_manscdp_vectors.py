"""Every vector in `tests/vectors/manscdp`: its wire form, and what it decodes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from catalog.model import CatalogItem, ItemInfo
from gb28181.manscdp import (
    CatalogQuery,
    CatalogResponse,
    DeviceInfoQuery,
    DeviceInfoResponse,
    GenericMessage,
    Keepalive,
    Message,
    decode,
    read,
    write,
)
from gb28181.manscdp.commands.broadcast import BroadcastNotify, BroadcastResponse

pytestmark = pytest.mark.clause("GB/T 28181-2022", "annex A")

FOLDER = Path(__file__).parents[2] / "vectors" / "manscdp"
SERVER = "64010000002000000001"
NVR = "64030200001180000007"
IPC = "64020500001320000021"
PLATFORM = "64030000002000000001"
SPEAKER = "64020500001370000001"

ITEM_2016 = CatalogItem(
    device_id="64030200001320000071",
    name="利通区第三小学东门球机",
    manufacturer="厂商甲",
    model="QJ-20",
    owner="教育局",
    civil_code="640302",
    block="金星派出所",
    address="利通区裕民街&文卫路",
    parental=False,
    parent_id=NVR,
    safety_way=0,
    register_way=1,
    cert_num="C-17",
    certifiable=1,
    err_code=400,
    end_time="2030-01-01T00:00:00",
    secrecy=0,
    ip_address="192.0.2.91",
    port=5060,
    password="example-pass",
    longitude=106.1932,
    latitude=37.9852,
    business_group_id="64030000002150000001",
    info=ItemInfo(
        ptz_type=1,
        position_type=8,
        room_type=1,
        use_type=1,
        supply_light_type=2,
        direction_type=3,
        resolution="5/6",
        download_speed="1/2/4",
        svc_space_support_mode=0,
        svc_time_support_mode=0,
    ),
)
ITEM_2022 = CatalogItem(
    device_id="64030200001320000072",
    name="红寺堡客运站枪机·㙍",
    manufacturer="厂商乙",
    model="QJ-22",
    civil_code="640303",
    address="客运站进站口",
    parental=False,
    parent_id=f"{NVR}/64030000002160000004",
    register_way=4,
    security_level_code="A",
    secrecy=0,
    ip_address="2001:db8::17",
    port=5061,
    status_on=False,
    longitude=106.062113,
    latitude=37.425702,
    business_group_id="64030000002150000001",
    info=ItemInfo(
        ptz_type=6,
        photoelectric_imaging_type="1/2",
        capture_position_type="0101001",
        room_type=2,
        supply_light_type=4,
        direction_type=8,
        resolution="6/5",
        stream_number_list="0/1/2",
        download_speed="1/4",
        svc_space_support_mode=1,
        svc_time_support_mode=2,
        ssvc_ratio_support_list="4:3/2:1",
        mobile_device_type=4,
        horizontal_field_angle=92.5,
        vertical_field_angle=51.0,
        max_view_distance=120.5,
        grassroots_code="001002",
        point_type=1,
        point_common_name="客运站",
        mac="00-11-22-33-44-55",
        function_type="01/03",
        encode_type="H.265",
        install_time="2025-06-30T08:00:00",
        management_unit="红寺堡分局",
        contact_info="0953-0000000",
        record_save_days=90,
        industrial_classification="I",
    ),
)


def named(code: str, name: str, **fields: object) -> CatalogItem:
    return CatalogItem(device_id=code, name=name, **fields)  # type: ignore[arg-type]


def page(sn: str, total: int, *items: CatalogItem, device: str = NVR) -> CatalogResponse:
    return CatalogResponse(sn, device, total, len(items) or None, items)


EXPECTED: dict[str, Message] = {
    "keepalive": Keepalive("43", IPC),
    "keepalive-info-empty": Keepalive("44", IPC),
    "keepalive-faulty-children": Keepalive(
        "45", NVR, False, ("64030200001320000071", "64030200001320000072")
    ),
    "keepalive-lower-case": Keepalive("46", IPC),
    "catalog-query": CatalogQuery("301", NVR),
    "catalog-query-times": CatalogQuery("302", NVR, "2026-03-01T00:00:00", "2026-03-31T23:59:59"),
    "catalog-response-2016": page("301", 2, ITEM_2016),
    "catalog-response-2022": page("301", 2, ITEM_2022),
    "catalog-response-empty": page("303", 0),
    "catalog-response-utf8": page("304", 1, named("64030200001320000073", "人民医院门诊楼")),
    "catalog-response-utf8-labelled-gb": page(
        "305", 1, named("64030200001320000073", "人民医院门诊楼")
    ),
    "catalog-response-gb-labelled-utf8": page("306", 1, named("64030200001320000074", "小学")),
    "catalog-response-platform": page(
        "307",
        6,
        named(PLATFORM, "吴忠市平台", civil_code="6403", register_way=1, secrecy=0),
        named("640324", "同心县"),
        named("64030000002150000001", "校园", civil_code="6403", parent_id=PLATFORM),
        named("64030000002160000004", "小学", business_group_id="64030000002150000001"),
        named(
            "64032400001320000001",
            "同心县第一小学",
            civil_code="640324",
            parental=False,
            parent_id=f"{PLATFORM}/64030000002160000004",
        ),
        named("64032400001340000001", "64032400001340000001", parent_id=PLATFORM),
        device=PLATFORM,
    ),
    "catalog-response-dirty": CatalogResponse(
        "308",
        NVR,
        1,
        1,
        (
            CatalogItem(
                device_id="64030200001320000075",
                name="A区&B区<1号>",
                address="<<>&路口",
                parental=True,
                parent_id=SERVER,
                status_on=False,
                info=ItemInfo(ptz_type=3),
                extra=(("Vendor", "x&y"),),
            ),
        ),
        problems=(
            "64030200001320000075 Longitude out of range: 1060.5",
            "64030200001320000075 Latitude not a number: 'NaN'",
        ),
    ),
    "device-info-query": DeviceInfoQuery("309", IPC),
    "device-info-response": DeviceInfoResponse(
        "309", IPC, True, "惠农区河滨街枪机", "厂商甲", "QJ-20", "V2.3.1 build 20250801", 1
    ),
    "device-info-response-error": DeviceInfoResponse("310", IPC, False),
    "broadcast-notify": BroadcastNotify("401", SPEAKER, SERVER),
    "broadcast-response": BroadcastResponse("401", SPEAKER),
    "broadcast-response-error": BroadcastResponse("402", SPEAKER, False),
    "generic-device-status": GenericMessage(
        "311",
        IPC,
        "Response",
        "VendorStatus",
        {
            "Result": "OK",
            "Online": "ONLINE",
            "Status": "OK",
            "Alarmstatus": {
                "@Num": "2",
                "Item": [
                    {"DeviceID": "64020500001340000001", "DutyStatus": "ONDUTY"},
                    {"DeviceID": "64020500001340000002", "DutyStatus": "ALARM"},
                ],
            },
        },
    ),
}
BOTH_WAYS = sorted(EXPECTED.keys() - {"catalog-response-dirty", "keepalive-lower-case"})


def load(name: str) -> tuple[bytes, bytes]:
    head, gap, body = (FOLDER / f"{name}.sip").read_bytes().partition(b"\r\n\r\n")
    assert gap
    return head, body


def test_every_file_is_tested_and_described() -> None:
    names = {path.stem for path in FOLDER.glob("*.sip")}
    assert names == set(EXPECTED)
    readme = (FOLDER / "README.md").read_text("utf-8")
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_wire_form_is_right(name: str) -> None:
    head, body = load(name)
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert f"Content-Length: {len(body)}".encode() in head.split(b"\r\n")
    if name != "keepalive-lower-case":
        assert b"\n" not in body.replace(b"\r\n", b"")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_it_decodes_to_what_it_says(name: str) -> None:
    assert read(load(name)[1]) == EXPECTED[name]


@pytest.mark.parametrize("name", BOTH_WAYS)
@pytest.mark.parametrize("charset", ["GB2312", "UTF-8"])
def test_what_we_write_reads_back_the_same(name: str, charset: str) -> None:
    message = EXPECTED[name]
    if isinstance(message, CatalogResponse):  # the password is never written
        bare = [CatalogItem.from_dict(item.to_dict()) for item in message.items]
        message = CatalogResponse(
            message.sn, message.device_id, message.sum_num, message.num, tuple(bare)
        )
        assert b"Password" not in write(message, charset)
    assert read(write(message, charset)) == message


@pytest.mark.parametrize(
    ("name", "charset"),
    [
        ("keepalive", "ascii"),
        ("catalog-response-2016", "gb18030"),
        ("catalog-response-2022", "gb18030"),
        ("catalog-response-utf8", "utf-8"),
        ("catalog-response-utf8-labelled-gb", "utf-8"),
        ("catalog-response-gb-labelled-utf8", "gb18030"),
    ],
)
def test_the_charset_is_told(name: str, charset: str) -> None:
    assert decode(load(name)[1]).charset == charset


def test_the_query_we_write_is_the_vector_byte_for_byte() -> None:
    assert write(CatalogQuery("301", NVR)) == load("catalog-query")[1]
    assert write(Keepalive("43", IPC)) == load("keepalive")[1]
    assert write(BroadcastNotify("401", SPEAKER, SERVER)) == load("broadcast-notify")[1]

"""MANSCDP bodies of a simulated device, read by the platform's own reader."""

from __future__ import annotations

import pytest

from gb28181.manscdp import CatalogResponse, DeviceInfoResponse, Keepalive, read
from gb28181.simulator import bodies
from gb28181.simulator.faults import Fault, Faults
from gb28181.simulator.plan import DeviceSpec, PlanOptions, make_plan

RECORDER = make_plan(PlanOptions(1, recorders=1, channels=5))[0]


def catalog(faults: Faults | None = None, items: int = 2) -> list[CatalogResponse]:
    pages = [read(body) for body in bodies.catalog_pages(RECORDER, "17", items, faults or {})]
    found = [page for page in pages if isinstance(page, CatalogResponse)]
    assert len(found) == len(pages)
    return found


def test_pages_hold_as_many_items_as_wanted_and_all_of_them_together() -> None:
    pages = catalog()
    assert [len(page.items) for page in pages] == [2, 2, 1]
    assert {(page.sn, page.sum_num) for page in pages} == {("17", 5)}
    assert [page.problems for page in pages] == [(), (), ()]
    for item, channel in zip(
        (item for page in pages for item in page.items), RECORDER.channels, strict=True
    ):
        assert (item.device_id, item.name) == (channel.channel_id, channel.name)
        assert item.civil_code == RECORDER.civil_code
        assert item.parent_id == RECORDER.device_id
        assert (item.longitude, item.latitude) == (channel.longitude, channel.latitude)
        assert item.info.ptz_type == channel.ptz_type
        assert item.status_on


@pytest.mark.parametrize(("value", "expected"), [(1, 6), (-2, 3), (-9, 0)])
def test_wrong_sumnum(value: float, expected: int) -> None:
    assert {page.sum_num for page in catalog({Fault.WRONG_SUMNUM: value})} == {expected}


def test_lost_page() -> None:
    assert sum(len(page.items) for page in catalog({Fault.LOST_PAGE: 0})) == 4


def test_bad_charset_lies_about_its_bytes() -> None:
    faults = {Fault.BAD_CHARSET: 0.0}
    body = bodies.catalog_pages(RECORDER, "1", 10, faults)[0]
    assert b'encoding="GB2312"' in body
    assert RECORDER.channels[0].name.encode("utf-8") in body
    good = bodies.catalog_pages(RECORDER, "1", 10, {})[0]
    assert RECORDER.channels[0].name.encode("gb18030") in good


def test_device_info_and_heartbeat() -> None:
    info = read(bodies.device_info(RECORDER, "3", {}))
    assert isinstance(info, DeviceInfoResponse)
    assert (info.sn, info.name, info.channel) == ("3", RECORDER.name, 5)
    beat = read(bodies.keepalive(RECORDER, 8))
    assert beat == Keepalive("8", RECORDER.device_id)


def test_cameras_and_recorders_call_themselves_differently() -> None:
    camera: DeviceSpec = make_plan(PlanOptions(1, recorders=0))[0]
    models = set()
    for spec in (camera, RECORDER):
        info = read(bodies.device_info(spec, "1", {}))
        assert isinstance(info, DeviceInfoResponse)
        models.add(info.model)
    assert len(models) == 2

"""RecordInfo and MediaStatus: queries and answers of both editions, with the usual faults."""

from __future__ import annotations

import pytest

from gb28181.manscdp import read, write
from gb28181.manscdp.commands.media_status import MediaStatus
from gb28181.manscdp.commands.record_info import (
    RecordInfoQuery,
    RecordInfoResponse,
    RecordItem,
)

pytestmark = [
    pytest.mark.clause("GB/T 28181-2022", "A.2.4.5"),
    pytest.mark.clause("GB/T 28181-2022", "A.2.6.7"),
]

CHANNEL = "64030200001320000071"

PAGE = f"""<?xml version="1.0" encoding="GB2312"?>
<Response>
<CmdType>RecordInfo</CmdType>
<SN>77</SN>
<DeviceID>{CHANNEL}</DeviceID>
<Name>利通区第三小学东门球机</Name>
<SumNum>3</SumNum>
<RecordList Num="2">
<Item>
<DeviceID>{CHANNEL}</DeviceID>
<Name>东门</Name>
<FilePath>/d/20261121/0001</FilePath>
<Address>录像机</Address>
<StartTime>2026-11-21T08:00:00</StartTime>
<EndTime>2026-11-21T08:30:00</EndTime>
<Secrecy>0</Secrecy>
<Type>time</Type>
<RecorderID>64030200001180000007</RecorderID>
<FileSize>5368709120</FileSize>
<StreamNumber>1</StreamNumber>
</Item>
<Item>
<Name>东门</Name>
<StartTime>2026-11-21T08:30:00</StartTime>
<EndTime></EndTime>
</Item>
</RecordList>
</Response>
"""


def test_the_query_always_asks_for_a_type() -> None:
    query = RecordInfoQuery("9", CHANNEL, "2026-11-21T00:00:00", "2026-11-21T23:59:59")
    body = write(query)
    assert b"<Type>all</Type>" in body
    assert body.index(b"<StartTime>") < body.index(b"<EndTime>") < body.index(b"<Type>")
    assert b"IndistinctQuery" not in body
    assert read(body) == query


def test_a_page_with_an_item_that_cannot_be_used() -> None:
    message = read(PAGE.encode("gb18030"))
    assert isinstance(message, RecordInfoResponse)
    assert (message.sn, message.device_id, message.sum_num) == ("77", CHANNEL, 3)
    (item,) = message.items
    assert item.size == 5368709120  # beyond 32 bits
    assert (item.type, item.file_path, item.stream_number) == ("time", "/d/20261121/0001", "1")
    assert item.address == "录像机"
    assert message.unusable == 1
    assert message.problems == ("an item without StartTime or EndTime",)


def test_items_without_a_list_without_sum_and_without_their_own_id() -> None:
    text = PAGE.replace('<RecordList Num="2">', "").replace("</RecordList>", "")
    text = text.replace("<SumNum>3</SumNum>", "<SumNum>many</SumNum>")
    text = text.replace("<FileSize>5368709120", "<FileSize>5 GB")
    text = text.replace(f"<Item>\n<DeviceID>{CHANNEL}</DeviceID>", "<Item>")
    message = read(text.encode("gb18030"))
    assert isinstance(message, RecordInfoResponse)
    assert message.sum_num is None
    assert [item.device_id for item in message.items] == [CHANNEL]
    assert message.items[0].size is None
    assert message.problems[0] == "SumNum missing or no number"


def test_a_response_is_written_as_it_is_read() -> None:
    items = (
        RecordItem(
            CHANNEL, "2026-11-21T08:00:00", "2026-11-21T08:30:00", "alarm", "东门", size=1234
        ),
    )
    response = RecordInfoResponse("5", CHANNEL, "东门", 1, items)
    assert read(write(response)) == response


def test_media_status() -> None:
    status = MediaStatus("8", CHANNEL)
    assert read(write(status)) == status
    assert status.ended
    assert not MediaStatus("8", CHANNEL, "120").ended

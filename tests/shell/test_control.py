"""Questions and commands on a registry without sockets: matching, deadlines, order, dead man."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gb28181.control.ptz import PtzAction, PtzControl
from gb28181.control.query import MOST_OPEN, Queries
from gb28181.control.target import Caller
from gb28181.errors import (
    Busy,
    Conflict,
    DeviceRefused,
    DeviceTimeout,
    LegFailed,
    NotFound,
    PlatformError,
)
from gb28181.manscdp import GenericMessage, read
from gb28181.manscdp.commands.device_control import DeviceControl
from gb28181.manscdp.commands.preset import PresetItem, PresetQuery
from sip.errors import TransactionTimeout
from sip.flow import Flow
from sip.message import Request, Response

from .device_support import CAMERA, World, catalog_body, item, world

CHANNEL = "64010400001310000001"
ANN, BOB, CHIEF = Caller("ann", 1), Caller("bob", 1), Caller("chief", 2)
LEFT, STOP, LENS_STOP = "A50F010250000007", "A50F0100000000B5", "A50F0140000000F5"
NEAR = "A50F014250000047"


@asynccontextmanager
async def registered(data_dir: Path) -> AsyncIterator[World]:
    """A device with one channel, online."""
    async with world(data_dir) as found:
        found.login()
        sn = await found.catalog_sn()
        found.message(catalog_body(CAMERA, sn, 1, [item(CHANNEL, ParentID=CAMERA)]))
        while found.service.channel(CHANNEL) is None:
            await asyncio.sleep(0)
        found.sip.sent.clear()
        yield found


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with registered(tmp_path) as found:
        yield found


@pytest.fixture
def queries(here: World) -> Queries:
    return Queries(here.service, here.sip)  # type: ignore[arg-type]


def presets_body(sn: str, total: int | None, *ids: int, device_id: str = CHANNEL) -> bytes:
    told = "" if total is None else f"<SumNum>{total}</SumNum>"
    items = "".join(f"<Item><PresetID>{one}</PresetID></Item>" for one in ids)
    return (
        f'<?xml version="1.0"?><Response><CmdType>PresetQuery</CmdType><SN>{sn}</SN>'
        f"<DeviceID>{device_id}</DeviceID>{told}<PresetList>{items}</PresetList></Response>"
    ).encode()


async def asked_sn(here: World, count: int = 1) -> str:
    return (await here.asked(PresetQuery, count))[count - 1].sn


def ask(queries: Queries, timeout: float = 5.0, quiet: float = 5.0) -> asyncio.Task[object]:
    question = PresetQuery("", CHANNEL)
    return asyncio.create_task(queries.ask(CAMERA, question, timeout=timeout, quiet=quiet))  # type: ignore[arg-type]


# --- questions ------------------------------------------------------------------------------------


async def test_pages_are_put_together(here: World, queries: Queries) -> None:
    asking = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL)))
    sn = await asked_sn(here)
    assert queries.open == 1
    here.message(presets_body(sn, 3, 2, 3))
    here.message(presets_body(sn, 3, 1))
    found = await asking
    assert found.complete
    assert found.items == (PresetItem("2"), PresetItem("3"), PresetItem("1"))
    assert queries.open == 0


async def test_each_question_has_its_own_number(here: World, queries: Queries) -> None:
    first = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL)))
    one = await asked_sn(here)
    second = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL)))
    two = await asked_sn(here, 2)
    assert one != two
    here.message(presets_body(two, 1, 22))
    here.message(presets_body(one, 1, 11))
    assert (await first).items == (PresetItem("11"),)
    assert (await second).items == (PresetItem("22"),)


async def test_an_answer_may_come_before_the_sip_answer(here: World, queries: Queries) -> None:
    held = asyncio.Event()
    plain = here.sip.request

    async def slow(request: Request, flow: Flow, *, give_up: bool = False) -> Response:
        await plain(request, flow)
        await held.wait()
        return Response(200, "OK")

    here.sip.request = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL)))
    here.message(presets_body(await asked_sn(here), None, 1))
    assert (await asking).complete


@pytest.mark.parametrize("wrong", ["number", "device", "command", "late"])
async def test_what_answers_nothing_is_dropped(here: World, queries: Queries, wrong: str) -> None:
    here.login("64010600001180000001")
    asking = ask(queries, timeout=0.2)
    sn = await asked_sn(here)
    if wrong == "late":
        with pytest.raises(DeviceTimeout):
            await asking
        here.message(presets_body(sn, 1, 1))
        return
    if wrong == "number":
        here.message(presets_body(str(int(sn) + 7), 1, 1))
    elif wrong == "device":
        here.message(presets_body(sn, 1, 1), "64010600001180000001")
    else:
        here.message(presets_body(sn, 1, 1).replace(b"PresetQuery", b"PresetQuery2"))
    with pytest.raises(DeviceTimeout) as silent:
        await asking
    assert silent.value.sip_status == 200
    assert queries.open == 0


async def test_another_device_id_in_the_answer_is_taken(here: World, queries: Queries) -> None:
    asking = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL)))
    here.message(presets_body(await asked_sn(here), None, 5, device_id=CAMERA))
    assert (await asking).items == (PresetItem("5"),)


async def test_a_part_is_an_answer(here: World, queries: Queries) -> None:
    asking = asyncio.create_task(queries.ask(CAMERA, PresetQuery("", CHANNEL), quiet=0.05))
    here.message(presets_body(await asked_sn(here), 9, 5))
    found = await asking
    assert (found.complete, found.expected, len(found.items)) == (False, 9, 1)


@pytest.mark.parametrize(
    ("verdict", "error", "sip_status"),
    [
        (403, DeviceRefused, 403),
        (500, DeviceRefused, 500),
        (TransactionTimeout("no answer"), DeviceTimeout, None),
    ],
)
async def test_three_kinds_of_no(
    here: World, queries: Queries, verdict: object, error: type[PlatformError], sip_status: int
) -> None:
    here.sip.status = lambda _: verdict  # type: ignore[assignment,return-value]
    with pytest.raises(error) as refused:
        await queries.ask(CAMERA, PresetQuery("", CHANNEL))
    assert refused.value.sip_status == sip_status
    with pytest.raises(error):
        await queries.tell(CAMERA, DeviceControl("", CHANNEL))
    with pytest.raises(NotFound):
        await queries.ask("64019900001320000001", PresetQuery("", CHANNEL))
    here.login(expires=0)
    with pytest.raises(LegFailed):
        await queries.ask(CAMERA, PresetQuery("", CHANNEL))


async def test_who_stops_waiting_closes_his_question(here: World, queries: Queries) -> None:
    asking = ask(queries)
    await asked_sn(here)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert queries.open == 0


async def test_questions_to_one_device_are_bounded(here: World, queries: Queries) -> None:
    asking = [ask(queries) for _ in range(MOST_OPEN)]
    await asked_sn(here, MOST_OPEN)
    with pytest.raises(Busy):
        await queries.ask(CAMERA, PresetQuery("", CHANNEL))
    for one in asking:
        one.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_any_command_can_be_asked(here: World, queries: Queries) -> None:
    question = GenericMessage("", CAMERA, "Query", "Vendor", {"A": "1"})
    asking = asyncio.create_task(queries.ask(CAMERA, question))
    while not here.sip.sent:
        await asyncio.sleep(0)
    sent = read(here.sip.sent[0][0].body)
    body = (
        f'<?xml version="1.0"?><Response><CmdType>Vendor</CmdType><SN>{sent.sn}</SN>'
        f"<DeviceID>{CAMERA}</DeviceID><B>2</B></Response>"
    )
    here.message(body.encode())
    answer = (await asking).first
    assert isinstance(answer, GenericMessage)
    assert answer.content == {"B": "2"}


# --- moving ---------------------------------------------------------------------------------------


@dataclass
class Dome:
    """A camera that can be moved, and what it was told."""

    world: World
    control: PtzControl
    told: list[str] = field(default_factory=list)

    async def wait(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.seen()) < count:
                self.world.sip.came.clear()
                await self.world.sip.came.wait()
        return self.seen()

    def seen(self) -> list[str]:
        found = []
        for request, _ in self.world.sip.sent:
            message = read(request.body)
            if isinstance(message, DeviceControl) and message.action is not None:
                found.append(message.action.hex)  # type: ignore[union-attr]
        return found


@pytest.fixture
async def dome(here: World, queries: Queries) -> AsyncIterator[Callable[..., Dome]]:
    made: list[PtzControl] = []

    def make(deadman_s: float = 30.0, hold_s: float = 30.0, timeout_s: float = 1.0) -> Dome:
        control = PtzControl(
            here.service, queries, deadman_s=deadman_s, hold_s=hold_s, timeout_s=timeout_s
        )
        made.append(control)
        return Dome(here, control)

    yield make
    for control in made:
        await control.aclose()


async def test_silence_stops_what_moves(dome: Callable[..., Dome]) -> None:
    camera = dome(deadman_s=0.05)
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    await camera.control.act(CHANNEL, PtzAction.FOCUS_NEAR, 80, ANN)
    seen = await camera.wait(4)
    assert seen[:2] == [LEFT, NEAR]
    assert sorted(seen[2:]) == [STOP, LENS_STOP]


async def test_each_post_counts_anew_and_stop_ends_it(dome: Callable[..., Dome]) -> None:
    camera = dome(deadman_s=0.2)
    for _ in range(5):
        await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
        await asyncio.sleep(0.06)
    assert camera.seen() == [LEFT] * 5
    assert await camera.control.act(CHANNEL, PtzAction.STOP, 1, ANN) == 200
    await asyncio.sleep(0.3)
    assert camera.seen() == [LEFT] * 5 + [STOP]


async def test_a_called_preset_is_not_stopped(dome: Callable[..., Dome]) -> None:
    from gb28181.manscdp.ptz import Preset, PresetDo

    camera = dome(deadman_s=0.1)
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    await camera.control.command(CHANNEL, Preset(PresetDo.CALL, 3), ANN)
    await asyncio.sleep(0.2)
    assert camera.seen() == [LEFT, "A50F01820003003A"]


async def test_a_stop_that_is_lost_is_sent_again(
    dome: Callable[..., Dome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gb28181.control.ptz.STOP_PAUSE_S", 0.02)
    camera = dome(deadman_s=0.02)
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    camera.world.sip.status = lambda _: TransactionTimeout("lost")
    assert await camera.wait(4) == [LEFT, STOP, STOP, STOP]
    await asyncio.sleep(0.1)
    assert len(camera.seen()) == 4


async def test_a_refused_move_needs_no_stop(dome: Callable[..., Dome]) -> None:
    camera = dome(deadman_s=0.05)
    camera.world.sip.status = lambda _: 403
    with pytest.raises(DeviceRefused):
        await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    await asyncio.sleep(0.15)
    assert camera.seen() == [LEFT]


async def test_a_stop_does_not_wait_behind_moves(dome: Callable[..., Dome]) -> None:
    camera = dome()
    held = asyncio.Event()
    plain = camera.world.sip.request

    async def slow(request: Request, flow: Flow, *, give_up: bool = False) -> Response:
        answer = await plain(request, flow)
        await held.wait()
        return answer

    camera.world.sip.request = slow  # type: ignore[method-assign]
    moves = [
        asyncio.create_task(camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)) for _ in range(5)
    ]
    await camera.wait(1)
    stop = asyncio.create_task(camera.control.act(CHANNEL, PtzAction.STOP, 1, ANN))
    await asyncio.sleep(0)
    held.set()
    results = await asyncio.gather(*moves, return_exceptions=True)
    assert await stop == 200
    assert camera.seen() == [LEFT, STOP]
    assert results[0] == 200
    assert {getattr(one, "code", None) for one in results[1:]} == {"ptz_superseded"}


async def test_two_operators_and_one_camera(dome: Callable[..., Dome]) -> None:
    camera = dome(hold_s=0.1)
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    with pytest.raises(Conflict) as held:
        await camera.control.act(CHANNEL, PtzAction.RIGHT, 80, BOB)
    assert (held.value.code, held.value.http_status) == ("ptz_locked", 409)
    assert held.value.detail is not None
    assert held.value.detail["holder"] == "ann"
    await camera.control.act(CHANNEL, PtzAction.STOP, 1, CHIEF)
    with pytest.raises(Conflict):
        await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    await asyncio.sleep(0.15)
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, BOB)
    assert camera.seen() == [LEFT, STOP, LEFT]


async def test_closing_stops_what_moves(dome: Callable[..., Dome]) -> None:
    camera = dome()
    await camera.control.act(CHANNEL, PtzAction.LEFT, 80, ANN)
    await camera.control.act(CHANNEL, PtzAction.FOCUS_NEAR, 80, ANN)
    await camera.control.aclose()
    assert sorted(camera.seen()[2:]) == [STOP, LENS_STOP]

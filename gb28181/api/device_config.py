"""Settings of devices and their channels: read, and change one block at a time.

`PUT` is read-modify-write: fields that are not given keep their values, lists are replaced whole.
`confirmed` tells how it is known that the device took it: by its `response`, or by `readback`
where it does not respond.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from gb28181.control.config import ConfigRead
from gb28181.control.target import Target
from gb28181.manscdp import table
from gb28181.manscdp.blocks import READ_ONLY, BlockType

from .config_models import CHANGES, ConfigBlocks, block_named, chosen, field_name
from .guard import Admin, Operator
from .platform import Here, Platform
from .told import REFUSALS, Force

# Annotations of the routes made below are classes made at run time, so they are not postponed here.

router = APIRouter(prefix="/api/v1", tags=["device settings"], responses=REFUSALS)

NAMES = "|".join(field_name(kind) for kind in BlockType)
BlockName = Annotated[str, Field(pattern=f"^({NAMES})$")]


class ConfigOut(BaseModel):
    """What a device told of its settings."""

    blocks: ConfigBlocks
    missing: list[str] = Field(description="blocks that were asked for and not told")
    problems: list[str]


class ChangedOut(BaseModel):
    """The block as it was sent."""

    name: str
    block: dict[str, Any]
    confirmed: str = Field(description="`response` or `readback`")


Blocks = Annotated[
    list[BlockName] | None, Query(description="which blocks; none: all its edition knows")
]


@router.get("/devices/{device_id}/config")
async def device_config(
    platform: Here, _: Operator, device_id: str, block: Blocks = None, force: Force = False
) -> ConfigOut:
    """Ask a device for its settings."""
    return await _read(platform, platform.control.device(device_id), block, force)


@router.get("/channels/{channel_id}/config")
async def channel_config(
    platform: Here, _: Operator, channel_id: str, block: Blocks = None, force: Force = False
) -> ConfigOut:
    """Ask the device for the settings of a channel."""
    return await _read(platform, platform.control.channel(channel_id), block, force)


async def _read(
    platform: Platform, target: Target, names: list[str] | None, force: bool
) -> ConfigOut:
    types = [block_named(name) for name in names or []]
    return _told(await platform.control.configs.read(target, types, force=force))


def _told(read: ConfigRead) -> ConfigOut:
    blocks = {field_name(kind): table.shown(block) for kind, block in read.blocks.items()}
    return ConfigOut.model_validate(
        {
            "blocks": blocks,
            "missing": [field_name(kind) for kind in read.missing],
            "problems": list(read.problems),
        }
    )


async def _change(
    platform: Platform, target: Target, kind: BlockType, body: BaseModel, force: bool
) -> ChangedOut:
    done = await platform.control.configs.change(target, kind, chosen(body), force=force)
    return ChangedOut(
        name=field_name(kind), block=table.shown(done.block), confirmed=done.confirmed
    )


def _add_routes(kind: BlockType, model: type[BaseModel]) -> None:
    name = field_name(kind)

    async def of_device(
        platform: Here,
        _: Admin,
        device_id: str,
        wanted: model,  # type: ignore[valid-type]
        force: Force = False,
    ) -> ChangedOut:
        return await _change(platform, platform.control.device(device_id), kind, wanted, force)

    async def of_channel(
        platform: Here,
        _: Admin,
        channel_id: str,
        wanted: model,  # type: ignore[valid-type]
        force: Force = False,
    ) -> ChangedOut:
        return await _change(platform, platform.control.channel(channel_id), kind, wanted, force)

    for prefix, endpoint in (
        ("devices/{device_id}", of_device),
        ("channels/{channel_id}", of_channel),
    ):
        whose = prefix.split("/")[0][:-1]
        router.add_api_route(
            f"/{prefix}/config/{name}",
            endpoint,
            methods=["PUT"],
            name=f"set_{whose}_{name}",
            description=f"Change {kind.value} of a {whose}.",
            response_model=ChangedOut,
        )


for _kind, _body in CHANGES.items():
    if _kind not in READ_ONLY:
        _add_routes(_kind, _body)

"""Control and configuration: any body of known elements is read, and what was read is written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gb28181.manscdp import GenericMessage, read, write
from gb28181.manscdp.blocks import BLOCKS, BlockType, to_send
from gb28181.manscdp.commands.device_config import ConfigResponse
from gb28181.manscdp.table import Part, Parts, Texts, table_of

COMMANDS = [
    ("Control", "DeviceControl"),
    ("Control", "DeviceConfig"),
    ("Response", "DeviceControl"),
    ("Response", "DeviceConfig"),
    ("Response", "ConfigDownload"),
    ("Response", "DeviceStatus"),
    ("Response", "PresetQuery"),
    ("Response", "HomePositionQuery"),
    ("Response", "CruiseTrackListQuery"),
    ("Response", "CruiseTrackQuery"),
    ("Response", "PTZPosition"),
    ("Response", "SDCardStatus"),
    ("Query", "ConfigDownload"),
    ("Query", "CruiseTrackQuery"),
    ("Notify", "UploadSnapShotFinished"),
    ("Notify", "DeviceUpgradeResult"),
]
ACTIONS = [
    "PTZCmd",
    "PTZCmdParams",
    "TeleBoot",
    "RecordCmd",
    "GuardCmd",
    "AlarmCmd",
    "IFameCmd",
    "DragZoomIn",
    "HomePosition",
    "PTZPreciseCtrl",
    "TargetTrack",
    "TargetArea",
    "FormatSDCard",
    "DeviceUpgrade",
    "Result",
    "SnapShot",
]


def _names() -> list[str]:
    found = [*ACTIONS, *(kind.value for kind in BlockType)]
    waiting = list(BLOCKS.values())
    while waiting:
        for spec in table_of(waiting.pop()).values():
            found.append(spec.element)
            match spec.kind:
                case Part(table):
                    waiting.append(table)
                case Parts(table, item):
                    found.append(item)
                    waiting.append(table)
                case Texts(item):
                    found.append(item)
    return sorted({name for name in found if name})


words = st.one_of(
    st.sampled_from(["", "0", "1", "OK", "ERROR", "on", "Auto", "-1", "99999999999", "1.5", "x"]),
    st.text(st.characters(exclude_characters="<>&", exclude_categories=["C"]), max_size=12),
)
names = st.sampled_from(_names())
elements = st.recursive(
    st.builds(lambda name, text: f"<{name}>{text}</{name}>", names, words),
    lambda inner: st.builds(
        lambda name, parts: f"<{name}>{''.join(parts)}</{name}>", names, st.lists(inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.sampled_from(COMMANDS), st.lists(elements, max_size=6))
def test_any_body_is_read_and_written_again(command: tuple[str, str], content: list[str]) -> None:
    root, name = command
    text = (
        f'<?xml version="1.0"?><{root}><CmdType>{name}</CmdType><SN>1</SN>'
        f"<DeviceID>64010400001310000001</DeviceID>{''.join(content)}</{root}>"
    )
    message = read(text.encode("gb18030"))
    assert not isinstance(message, GenericMessage)
    again = read(write(message))
    assert type(again) is type(message)
    if isinstance(message, ConfigResponse):
        for block in message.blocks:
            assert to_send(to_send(block)) == to_send(block)

"""The page of state machines: diagrams drawn from the tables the product itself runs on.

Machines without a table (call, pull, catalog) are driven with every input from every state that
can be reached, and what they did is drawn: a diagram cannot show what the machine does not do.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

from catalog.model import CatalogItem
from catalog.sync import Abandon, CatalogSync, Page
from catalog.sync import Tick as SyncTick
from gb28181.device import registry
from gb28181.pushes import machine as pushes
from gb28181.session import call_words as calls
from gb28181.session import pull as pulls
from gb28181.session.call import Call
from gb28181.session.model import EndReason, Failure
from gb28181.talk import conversation
from gb28181.talk import leg_words as legs
from gb28181.talk.leg import Leg
from gb28181.talk.leg_words import Way
from gb28181.talk.reasons import Reason, Why
from media.rtsp import session as rtsp_session
from sip.transaction import Machine
from sip.tx_invite_client import InviteClientMachine
from sip.tx_invite_server import InviteServerMachine
from sip.tx_plain import PlainClientMachine, PlainServerMachine

Edge = tuple[str, str, str]
"""State, input, next state."""

DEPTH = 9
"""Inputs in a row that are tried; more find no further edge."""

HEAD = """\
# State machines

<!-- Made by `make reference` (docs/tools/state_machines.py) from the machines themselves. -->

Whatever lasts longer than one message is a machine: a table or a `handle(input, now) -> effects`
without input or output of its own, with a `deadline` that its shell watches. Inputs that change
nothing are left out of the diagrams. The times are on the
[page of limits](../reference/behaviour.md).
"""


def page() -> str:
    return "\n".join([HEAD, *(_section(*part) for part in _parts())]).rstrip("\n") + "\n"


def _parts() -> list[tuple[str, str, str, set[Edge]]]:
    return [
        (
            "Presence of a device",
            "gb28181/device/registry.py",
            "Who is online, until when and why not. `TICK` is the earlier of the end of the"
            " registration and the heartbeat deadline. A challenge nobody answers is forgotten: the"
            " device is again what it was before, `unknown` or `offline`. Each change of the state"
            " ends one interval in the store and begins the next.",
            _presence(),
        ),
        (
            "One INVITE dialog: a session",
            "gb28181/session/call.py",
            "From the INVITE to the end of its last transaction. `closing` still holds SSRC and"
            " port: an answer that comes late would use them.",
            _explore(Call(0.0), _call_inputs(), calls.Tick()),
        ),
        (
            "One stream: a pull",
            "gb28181/session/pull.py",
            "One picture is pulled once, whoever looks. The stream lives through several sessions"
            " while people watch.",
            _explore(pulls.Pull(0.0), _pull_inputs(), pulls.Tick(), lambda pull: pull.start()),
        ),
        (
            "One RTSP session",
            "media/rtsp/session.py",
            "What is not drawn is refused with 455. `TICK` is a minute in which nothing was heard"
            " of the player; `END` is the end of the stream or of the connection.",
            _rtsp(),
        ),
        (
            "One stream that is brought to another server: a push",
            "gb28181/pushes/machine.py",
            "Tried again with growing pauses for as long as an operator wants it.",
            _explore(pushes.PushMachine(0.0, _half), _push_inputs(), pushes.Tick()),
        ),
        (
            "One loudspeaker of a talk",
            "gb28181/talk/leg.py",
            "From the notification to the end of the dialog. A device calls us (`Invited`), and its"
            " INVITE may overtake its Response.",
            _explore(Leg(Way.BROADCAST), _leg_inputs(), legs.Tick(), state="step"),
        ),
        (
            "The same, called by us (2016)",
            "gb28181/talk/leg.py",
            "`s=Talk`: one dialog with speech both ways.",
            _explore(Leg(Way.TALK), _leg_inputs(), legs.Tick(), state="step"),
        ),
        (
            "One talk",
            "gb28181/talk/conversation.py",
            "Its source and its targets; over when nobody hears any more.",
            _explore(
                conversation.Conversation(conversation.Source.MICROPHONE, 15.0),
                _talk_inputs(),
                conversation.Tick(),
            ),
        ),
        (
            "One catalog query",
            "catalog/sync.py",
            "Pages in any order, doubled or lost. Only `done` with a complete result may remove a"
            " channel.",
            _explore(CatalogSync("7", 0.0, known=("b",)), _sync_inputs(), SyncTick()),
        ),
        *_transactions(),
    ]


def _section(title: str, source: str, words: str, edges: set[Edge]) -> str:
    lines = [f"## {title}", "", f"`{source}`. {words}", "", "```mermaid", "stateDiagram-v2"]
    for before, after in sorted({(before, after) for before, _, after in edges}):
        names = sorted(name for b, name, a in edges if (b, a) == (before, after))
        lines.append(f"    {before} --> {after}: {', '.join(names)}")
    return "\n".join([*lines, "```", ""])


# --- tables -------------------------------------------------------------------------------------


def _presence() -> set[Edge]:
    return {
        (before.value, event.name, after.value)
        for (before, event), (after, action) in registry.TABLE.items()
        if before is not after and action is not registry.Action.REFUSE
    }


def _rtsp() -> set[Edge]:
    edges = {
        (before.value, event.value.upper(), after.value)
        for (before, event), after in rtsp_session.TABLE.items()
        if before is not after
    }
    late = rtsp_session.SessionInput.TICK.value.upper()
    ends = {before for before, event, _ in edges if event == "END"}
    return edges | {(before, late, rtsp_session.SessionState.CLOSED.value) for before in ends}


def _transactions() -> Iterable[tuple[str, str, str, set[Edge]]]:
    machines: list[tuple[str, str, type[Machine]]] = [
        ("INVITE, client (RFC 3261 17.1.1, RFC 6026)", "tx_invite_client", InviteClientMachine),
        ("INVITE, server (RFC 3261 17.2.1, RFC 6026)", "tx_invite_server", InviteServerMachine),
        ("Other requests, client (RFC 3261 17.1.2)", "tx_plain", PlainClientMachine),
        ("Other requests, server (RFC 3261 17.2.2)", "tx_plain", PlainServerMachine),
    ]
    words = "`TIMER_LIMIT` is B, F, H, L or M, `TIMER_LINGER` is D, I, J or K of the RFC."
    for title, module, machine in machines:
        edges = {
            (before.name.lower(), event.name, after.name.lower())
            for (before, event), (_, after) in machine.table.items()
            if before is not after
        }
        yield title, f"sip/{module}.py", words, edges


# --- machines that are driven -------------------------------------------------------------------


def _explore(
    machine: Any,
    inputs: list[Any],
    tick: Any,
    begin: Callable[[Any], object] | None = None,
    *,
    state: str = "state",
) -> set[Edge]:
    """Every change of state that up to `DEPTH` inputs in a row can cause."""
    if begin is not None:
        begin(machine)
    edges: set[Edge] = set()
    seen: set[str] = set()
    front = [(machine, 1.0)]
    for _ in range(DEPTH):
        following = []
        for before, now in front:
            for event in [*inputs, tick]:
                after = copy.deepcopy(before)
                at = max(now, after.deadline or now) if event is tick else now
                after.handle(event, at)
                left, reached = getattr(before, state), getattr(after, state)
                if reached is not left:
                    edges.add((str(left), type(event).__name__, str(reached)))
                mark = repr((str(reached), sorted(_facts(after).items()), at))
                if mark not in seen:
                    seen.add(mark)
                    following.append((after, at))
        front = following
    return edges


def _facts(machine: Any) -> dict[str, str]:
    return {name: repr(value) for name, value in vars(machine).items()}


def _call_inputs() -> list[Any]:
    return [
        calls.Accepted(),
        calls.Refused(486),
        calls.Unanswered(),
        calls.MediaBegan(),
        calls.MediaLost("silence"),
        calls.MediaForeign("svac"),
        calls.PeerBye(),
        calls.End(Failure(EndReason.STOPPED, "asked")),
        calls.ByeDone(),
    ]


def _pull_inputs() -> list[Any]:
    failure = Failure(EndReason.MEDIA_STOPPED, "silence")
    return [
        pulls.Wanted(),
        pulls.CallRunning(),
        pulls.CallFailed(failure),
        pulls.Viewers(1),
        pulls.Viewers(0),
        pulls.DeviceBack(),
        pulls.Close(failure),
    ]


def _push_inputs() -> list[Any]:
    return [
        pushes.Opened(),
        pushes.Failed(pushes.Side.TARGET, "refused"),
        pushes.Ended("hung up"),
        pushes.Back(),
        pushes.Stop(),
    ]


def _half() -> float:
    return 0.5


def _leg_inputs() -> list[Any]:
    return [
        legs.Ask(),
        legs.Agreed(),
        legs.Declined(Why(Reason.RESULT_ERROR)),
        legs.Invited(),
        legs.Opened(),
        legs.Accepted(),
        legs.Acked(),
        legs.Reached(),
        legs.Lost(Why(Reason.CONNECTION_LOST)),
        legs.PeerBye(),
        legs.PeerCancel(),
        legs.End(Why(Reason.STOPPED)),
        legs.ByeDone(),
    ]


def _talk_inputs() -> list[Any]:
    return [
        conversation.Counts(0, 1, 0),
        conversation.Counts(0, 0, 1),
        conversation.MicrophoneOpened(),
        conversation.MicrophoneClosed(),
        conversation.End(Reason.STOPPED),
    ]


def _sync_inputs() -> list[Any]:
    one, two = CatalogItem("a"), CatalogItem("b")
    return [Page("7", 2, (one,)), Page("7", 2, (two,)), Page("7", 1, (one,)), Abandon()]

"""Keys of RFC 3261 §17.1.3 and §17.2.3, and what holds for all four tables."""

from __future__ import annotations

import itertools

import pytest

from sip.errors import LocalError
from sip.timers import Timers
from sip.transaction import (
    Input,
    Machine,
    State,
    Terminated,
    client_key,
    response_input,
    server_key,
)
from sip.tx_invite_client import InviteClientMachine
from sip.tx_invite_server import InviteServerMachine
from sip.tx_plain import PlainClientMachine, PlainServerMachine
from tests.unit.sip.engine import request, response

HOST = "198.51.100.7"


def key(*args: object, host: str = HOST, method: str | None = None, **fields: object) -> str:
    message = request(*args, **fields)  # type: ignore[arg-type]
    return server_key(message, method or message.method, host)


@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
@pytest.mark.parametrize("branch", ["z9hG4bK1", "77ef4c2312983.1", None])
def test_a_repeated_request_has_the_key_of_the_first(method: str, branch: str | None) -> None:
    assert key(method, branch=branch) == key(method, branch=branch)


@pytest.mark.parametrize("branch", ["z9hG4bK1", "77ef4c2312983.1", None])
def test_ack_and_cancel_find_their_invite(branch: str | None) -> None:
    invite = key("INVITE", branch=branch)
    assert key("ACK", branch=branch, to_tag="ours", method="INVITE") == invite
    assert key("CANCEL", branch=branch, method="INVITE") == invite


def test_cancel_is_a_transaction_of_its_own() -> None:
    assert key("CANCEL") != key("INVITE")


@pytest.mark.parametrize("branch", ["z9hG4bK1", "1", None])
@pytest.mark.parametrize(
    "other",
    [
        {"number": 2},
        {"call_id": "another"},
        {"host": "198.51.100.8"},
        {"via": "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKother"},
    ],
)
@pytest.mark.parametrize("method", ["MESSAGE", "INVITE"])
def test_different_requests_have_different_keys(
    branch: str | None, other: dict[str, str], method: str
) -> None:
    assert key(method, branch=branch) != key(method, branch=branch, **other)


def test_without_the_magic_cookie_tags_and_uri_count() -> None:
    assert key(branch=None) != key(branch=None, from_tag="x")
    assert key(branch=None) != key(branch=None, to_tag="x")
    assert key(branch=None) != key(branch=None, uri="sip:other@3402000000")


def test_the_cookie_alone_is_no_branch() -> None:
    """RFC 4475 badbranch: the rules of RFC 2543 decide."""
    bare = {"via": "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK", "method": "INVITE"}
    assert key("INVITE", **bare) != key("INVITE", from_tag="x", **bare)


def test_a_response_finds_its_client_transaction_by_branch_and_method() -> None:
    invite, cancel = request("INVITE"), request("CANCEL")
    assert client_key(response(200, invite)) == client_key(invite)
    assert client_key(invite) != client_key(cancel)


def test_a_request_of_ours_without_branch_is_a_bug() -> None:
    with pytest.raises(LocalError):
        client_key(request(branch=None))


def test_classes_of_responses() -> None:
    assert [response_input(s) for s in (100, 199, 200, 299, 300, 699)] == [
        Input.PROVISIONAL,
        Input.PROVISIONAL,
        Input.SUCCESS,
        Input.SUCCESS,
        Input.FAILURE,
        Input.FAILURE,
    ]


def machines(reliable: bool) -> list[Machine]:
    timers = Timers()
    return [
        InviteClientMachine(request("INVITE"), timers, reliable=reliable),
        PlainClientMachine(request(), timers, reliable=reliable),
        InviteServerMachine(timers, 0.0, reliable=reliable),
        PlainServerMachine(timers, 0.0, reliable=reliable),
    ]


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("which", range(4))
def test_any_two_inputs_leave_a_machine_that_ends_by_itself(which: int, reliable: bool) -> None:
    """No sequence of inputs leaves a machine without a timer, and the end is announced once."""
    final = response(200, request("INVITE"))
    outside = [i for i in Input if not i.name.startswith("TIMER")]
    for inputs in itertools.product(outside, repeat=2):
        machine = machines(reliable)[which]
        effects = machine.handle(Input.START, 0.0, final, b"x")
        for at, input in enumerate(inputs, start=1):
            effects += machine.handle(input, float(at), final, b"x")
        waits_for_owner = machine.state is State.PROCEEDING
        while machine.deadline is not None:
            effects += machine.handle(Input.TICK, machine.deadline)
        assert machine.state is State.TERMINATED or waits_for_owner
        ends = [e for e in effects if isinstance(e, Terminated)]
        assert len(ends) == (machine.state is State.TERMINATED)
        if ends:
            assert effects[-1] == Terminated()
            assert machine.handle(Input.SUCCESS, 1e6, final, b"x") == []


def test_repr_shows_state_and_armed_timers() -> None:
    machine = PlainServerMachine(Timers(), 1.0, reliable=False)
    assert repr(machine) == "<PlainServerMachine TRYING limit@33.000>"

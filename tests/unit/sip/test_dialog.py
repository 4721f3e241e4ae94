"""Dialogs, RFC 3261 §12: both roles, route sets, order of requests, unreachable targets."""

from __future__ import annotations

import dataclasses

import pytest

from sip.dialog import Dialog, is_unreachable
from sip.errors import LocalError
from sip.headers import Headers
from sip.message import Request, Response
from tests.unit.sip.engine import request, response

INVITE = request("INVITE", number=7, extra="Contact: <sip:platform@10.0.0.1:5060>\r\n")
DEVICE = "sip:34020000001320000001@192.168.1.64:5060"


def client_dialog(extra: str = f"Contact: <{DEVICE}>\r\n") -> Dialog:
    return Dialog.of_client(INVITE, response(200, INVITE, tag="dev", extra=extra))


def test_the_ack_of_a_2xx_goes_to_its_contact_with_the_number_of_the_invite() -> None:
    dialog = client_dialog()
    dialog.request("INFO")
    ack = dialog.ack()
    assert (ack.method, ack.uri) == ("ACK", DEVICE)
    assert str(ack.cseq) == "7 ACK"
    assert (ack.from_.tag, ack.to.tag) == ("1928301774", "dev")
    assert ack.call_id == INVITE.call_id
    assert "Contact" not in ack.headers


def test_requests_count_up_from_the_invite() -> None:
    dialog = client_dialog()
    info = dialog.request("INFO", body=b"PLAY", content_type="Application/MANSRTSP")
    bye = dialog.request("BYE")
    assert (str(info.cseq), str(bye.cseq)) == ("8 INFO", "9 BYE")
    assert (info.body, info.content_type) == (b"PLAY", "application/mansrtsp")
    again = dialog.request("INVITE")
    assert again.headers.get("Contact") == "<sip:platform@10.0.0.1:5060>"


def test_a_bye_is_possible_from_stored_fields() -> None:
    """After a restart nothing is left but the row."""
    row = dataclasses.asdict(client_dialog())
    bye = Dialog(**{**row, "route_set": tuple(row["route_set"])}).request("BYE")
    assert str(bye.cseq) == "8 BYE"
    assert bye.uri == DEVICE


def test_a_200_without_contact_leaves_the_request_uri() -> None:
    assert client_dialog(extra="").target == INVITE.uri


def test_the_source_address_replaces_a_contact_that_cannot_be_reached() -> None:
    dialog = client_dialog()
    dialog.aim_at(("203.0.113.9", 40001))
    assert dialog.request("BYE").uri == "sip:34020000001320000001@203.0.113.9:40001"
    assert dialog.remote_target == DEVICE
    dialog.aim_at(("2001:db8::9", 5060))
    assert dialog.target == "sip:34020000001320000001@[2001:db8::9]:5060"


@pytest.mark.parametrize(
    ("uri", "source", "unreachable"),
    [
        ("sip:1@192.168.1.64:5060", "203.0.113.9", True),
        ("sip:1@192.168.1.64:5060", "192.168.1.64", False),
        ("sip:1@192.168.1.64:5060", "10.0.0.9", False),
        ("sip:1@127.0.0.1:5060", "192.168.1.2", True),
        ("sip:1@0.0.0.0:5060", "192.168.1.2", True),
        ("sip:1@3402000000", "192.168.1.2", True),
        ("sip:1@8.8.8.8", "203.0.113.9", False),
        ("sip:1@camera.example.org", "203.0.113.9", False),
        ("nonsense", "203.0.113.9", True),
        ("sip:1@8.8.8.8", "127.0.0.1", True),
        ("sip:1@192.168.1.64", "not an address", True),
        ("sip:1@[fe80::1]", "2001:db8::9", True),
    ],
)
def test_which_contacts_cannot_be_reached(uri: str, source: str, unreachable: bool) -> None:
    assert is_unreachable(uri, source) is unreachable


def test_the_client_reverses_record_route() -> None:
    routes = "Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n"
    bye = client_dialog(extra=f"Contact: <{DEVICE}>\r\n{routes}").request("BYE")
    assert bye.uri == DEVICE
    assert bye.headers.get_all("Route") == ["<sip:p1.example;lr>", "<sip:p2.example;lr>"]


def test_a_strict_router_takes_the_request_uri() -> None:
    routes = "Record-Route: <sip:p1.example>\r\n"
    bye = client_dialog(extra=f"Contact: <{DEVICE}>\r\n{routes}").request("BYE")
    assert bye.uri == "sip:p1.example"
    assert bye.headers.get_all("Route") == [f"<{DEVICE}>"]


def server_dialog() -> Dialog:
    invite = request(
        "INVITE",
        number=7,
        extra=f"Contact: <{DEVICE}>\r\nRecord-Route: <sip:p1.example;lr>\r\n",
    )
    return Dialog.of_server(invite, "ours", "<sip:platform@10.0.0.1:5060>")


def test_the_server_swaps_the_ends_and_counts_its_own() -> None:
    bye = server_dialog().request("BYE")
    assert (bye.from_.tag, bye.to.tag) == ("ours", "1928301774")
    assert bye.from_.uri.user == "34020000002000000001"
    assert (str(bye.cseq), bye.uri) == ("1 BYE", DEVICE)
    assert bye.headers.get_all("Route") == ["<sip:p1.example;lr>"]


def incoming(method: str, number: int, *, tag: str = "ours", **more: str) -> Request:
    return request(method, number=number, to_tag=tag, **more)  # type: ignore[arg-type]


def test_requests_of_the_peer_are_judged() -> None:
    dialog = server_dialog()
    assert dialog.check(incoming("INFO", 8)) is None
    assert dialog.check(incoming("INFO", 7)) == 500
    assert dialog.check(incoming("ACK", 7)) is None
    assert dialog.check(incoming("BYE", 9, tag="other")) == 481
    assert dialog.check(incoming("BYE", 9, call_id="other")) == 481
    assert dialog.check(incoming("BYE", 9, from_tag="other")) == 481
    assert dialog.check(incoming("BYE", 9)) is None


def test_a_reinvite_moves_the_target_and_a_bye_does_not() -> None:
    dialog = server_dialog()
    moved = "Contact: <sip:1@192.168.1.65:5060>\r\n"
    dialog.check(incoming("BYE", 8, extra=moved))
    assert dialog.target == DEVICE
    dialog.check(incoming("INVITE", 9, extra=moved))
    assert dialog.target == "sip:1@192.168.1.65:5060"
    answer = Response(200, "OK", Headers([("Contact", "<sip:1@192.168.1.66>")]))
    dialog.refresh(answer)
    assert dialog.target == "sip:1@192.168.1.66"


def test_ack_and_cancel_have_no_number_of_their_own() -> None:
    for method in ("ACK", "CANCEL"):
        with pytest.raises(LocalError):
            client_dialog().request(method)

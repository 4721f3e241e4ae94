"""Flows and how an address is written."""

from __future__ import annotations

import pytest

from sip.flow import Flow, host_port


@pytest.mark.parametrize(
    ("address", "text"),
    [(("10.0.0.1", 5060), "10.0.0.1:5060"), (("2001:db8::1", 5060), "[2001:db8::1]:5060")],
)
def test_host_port(address: tuple[str, int], text: str) -> None:
    assert host_port(address) == text


def test_a_flow_is_a_value() -> None:
    flow = Flow("tcp", ("10.0.0.1", 4000), ("10.0.0.2", 5060), 7)
    assert flow == Flow("tcp", ("10.0.0.1", 4000), ("10.0.0.2", 5060), 7)
    assert flow != Flow("tcp", ("10.0.0.1", 4000), ("10.0.0.2", 5060), 8)
    assert (str(flow), flow.reliable) == ("tcp:10.0.0.1:4000", True)
    assert len({flow, flow}) == 1

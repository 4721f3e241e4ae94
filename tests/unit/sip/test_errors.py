"""Whose fault it is, and what travels with an error."""

from __future__ import annotations

import pytest

from sip import errors


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (errors.LocalError, errors.SipError),
        (errors.RemoteError, errors.SipError),
        (errors.ParseError, errors.RemoteError),
        (errors.MessageTooLarge, errors.ParseError),
        (errors.BadDigest, errors.RemoteError),
        (errors.TransactionTimeout, errors.SipError),
        (errors.TransportFailed, errors.SipError),
    ],
)
def test_the_tree(kind: type[Exception], parent: type[Exception]) -> None:
    assert kind.__bases__ == (parent,)
    assert kind.__name__ in (errors.__doc__ or "")


def test_remote_errors_carry_the_answer_and_a_short_sample() -> None:
    error = errors.ParseError("bad", status_hint=505, offset=7, sample=b"x" * 1000)
    assert (str(error), error.status_hint, error.offset) == ("bad", 505, 7)
    assert error.sample == b"x" * errors.SAMPLE_BYTES
    assert error.message is None
    assert errors.RemoteError("bad").status_hint == 400


def test_a_failed_transport_keeps_its_cause() -> None:
    cause = OSError(101, "Network is unreachable")
    assert errors.TransportFailed("send", cause).cause is cause
    assert errors.TransportFailed("send").cause is None

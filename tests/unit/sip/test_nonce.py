"""Nonces that carry their facts, and the table of used counts."""

from __future__ import annotations

from sip.nonce import NONCES_PER_USER, NonceSigner, ReplayTable


def test_a_nonce_says_when_and_what_for() -> None:
    signer = NonceSigner(b"key", "run", ttl=300)
    nonce = signer.make(12.34, 2)
    assert len(nonce) == 48
    assert nonce == nonce.lower()
    assert signer.open(nonce, 12.34) == (123, 2)
    assert signer.open(nonce, 312.3) == (123, 2)
    assert signer.open(nonce, 312.5) is None
    assert signer.open(nonce, 12.0) is None


def test_only_this_run_and_this_key_open_it() -> None:
    nonce = NonceSigner(b"key", "run", 300).make(1.0, 0)
    assert NonceSigner(b"key", "run", 300).open(nonce, 1.0) == (10, 0)
    assert NonceSigner(b"key", "other", 300).open(nonce, 1.0) is None
    assert NonceSigner(b"other", "run", 300).open(nonce, 1.0) is None


def test_counts_are_used_once() -> None:
    table = ReplayTable(300)
    assert table.is_unused("u", "n", 10, 1)
    table.use("u", "n", 10, 1, 1.0)
    assert not table.is_unused("u", "n", 10, 1)
    assert table.is_unused("u", "n", 10, 2)
    assert table.is_unused("u", "m", 10, 1)
    assert table.is_unused("v", "n", 10, 1)
    assert len(table) == 1


def test_what_was_forgotten_stays_used() -> None:
    """Of one user, and of all: a floor remains where an entry was dropped."""
    table = ReplayTable(300, max_users=2)
    for n in range(NONCES_PER_USER + 1):
        table.use("u", f"n{n}", 100 + n, 1, 20.0)
    assert not table.is_unused("u", "n0", 100, 1)
    assert table.is_unused("u", "fresh", 101, 1)
    for name in ("v", "w"):
        table.use(name, "x", 200, 1, 21.0)
    assert len(table) == 2
    assert not table.is_unused("u", f"n{NONCES_PER_USER}", 100 + NONCES_PER_USER, 1)
    assert table.is_unused("u", "fresh", 201, 1)


def test_dead_entries_leave_no_floor() -> None:
    table = ReplayTable(300)
    table.use("u", "n", 100, 1, 10.0)
    table.use("v", "n", 9000, 1, 900.0)
    assert len(table) == 1
    assert table.is_unused("u", "m", 101, 1)

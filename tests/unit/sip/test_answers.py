"""The memory of finished server transactions: timer J, bounded by number and bytes."""

from __future__ import annotations

from sip.answers import AnswerCache


def test_kept_for_timer_j_and_no_longer() -> None:
    cache = AnswerCache(32.0, 100, 10_000)
    cache.put("a", b"1", None, 0.0)
    cache.put("b", b"22", None, 10.0)
    cache.expire(31.9)
    assert cache.get("a") == (b"1", None)
    cache.expire(32.0)
    assert cache.get("a") is None
    assert cache.get("b") == (b"22", None)
    assert (len(cache), cache.size_bytes, cache.evicted) == (1, 2, 0)


def test_putting_expires_without_any_timer() -> None:
    cache = AnswerCache(1.0, 100, 10_000)
    for n in range(50):
        cache.put(str(n), b"x", None, float(n))
        assert len(cache) == 1


def test_a_flood_evicts_the_oldest() -> None:
    cache = AnswerCache(32.0, 3, 10_000)
    for n in range(1_000):
        cache.put(str(n), b"x", None, 0.0)
    assert len(cache) == 3
    assert cache.get("999") is not None
    assert cache.get("996") is None
    assert cache.evicted == 997


def test_bytes_are_bounded_too() -> None:
    cache = AnswerCache(32.0, 1_000, 100)
    for n in range(50):
        cache.put(str(n), bytes(30), None, 0.0)
    assert cache.size_bytes <= 100
    assert len(cache) == 3


def test_an_answer_evicted_and_given_again_is_counted_right() -> None:
    cache = AnswerCache(32.0, 2, 1_000)
    for key in ("a", "b", "c", "a", "a"):
        cache.put(key, b"xx", None, 0.0)
    cache.expire(100.0)
    assert (len(cache), cache.get("a")) == (0, None)

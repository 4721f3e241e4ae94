"""The last answers of finished server transactions, for timer J (RFC 3261 §17.2.2).

At 1,500 requests a second 48,000 of them wait at any time, so an entry is nothing but its key, the
bytes and where they went if that was not the source. All wait equally long, so a queue in order of
arrival replaces timers. Both entries and bytes are bounded; the oldest goes first. What that
costs: a request repeated later than that is taken for a new one.
"""

from collections import deque

from sip.flow import Flow

Answer = tuple[bytes, Flow | None]
_NOTHING: Answer = (b"", None)


class AnswerCache:
    __slots__ = ("_answers", "_queue", "_size", "evicted", "keep_s", "max_bytes", "max_entries")

    def __init__(self, keep_s: float, max_entries: int, max_bytes: int) -> None:
        self.keep_s = keep_s
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self.evicted = 0
        """Entries that had to go before their time."""
        self._answers: dict[str, Answer] = {}
        self._queue: deque[tuple[float, str]] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._answers)

    @property
    def size_bytes(self) -> int:
        return self._size

    def get(self, key: str) -> Answer | None:
        return self._answers.get(key)

    def put(self, key: str, data: bytes, reply_to: Flow | None, now: float) -> None:
        """Each key once: its transaction has just finished."""
        answers = self._answers
        queue = self._queue
        answers[key] = (data, reply_to)
        queue.append((now + self.keep_s, key))
        self._size += len(data)
        if queue[0][0] <= now:
            self.expire(now)
        while len(queue) > self.max_entries or self._size > self.max_bytes:
            self._drop_oldest()
            self.evicted += 1

    def expire(self, now: float) -> None:
        queue = self._queue
        while queue and queue[0][0] <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        data, _ = self._answers.pop(self._queue.popleft()[1], _NOTHING)
        self._size -= len(data)

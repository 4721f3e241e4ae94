"""Random identifiers for Call-ID, tags and branches (RFC 3261 §8.1.1.4, §8.1.1.7, §19.3).

Tags must hold 32 random bits that cannot be guessed; these hold 64, Call-IDs 128. Random bytes are
fetched from the system by the kilobyte, since every response to a camera needs a tag.
"""

from collections.abc import Callable
from os import urandom

_BLOCK = 1_024
_ID_BYTES = 8


class IdSource:
    """Callable: 16 hexadecimal digits, new each time. `random_bytes` is replaceable for tests."""

    __slots__ = ("_at", "_block", "_random_bytes")

    def __init__(self, random_bytes: Callable[[int], bytes] = urandom) -> None:
        self._random_bytes = random_bytes
        self._block = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at == len(self._block):
            self._block = self._random_bytes(_BLOCK).hex()
            at = 0
        self._at = at + 2 * _ID_BYTES
        return self._block[at : self._at]

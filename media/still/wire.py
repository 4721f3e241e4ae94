"""What a studio and its process say to each other over two pipes: one question, one answer.

Both are a head of fixed size and a body. Whoever reads the head knows how long the body is, and
that it is not too long, before it is read.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

QUESTION: Final = Struct(">BHQI")
"""What is wanted, width, most pixels, bytes of the body."""
ANSWER: Final = Struct(">BIII")
"""What came of it, width, height, bytes of the body."""
MOST_BYTES: Final = 64 << 20
"""Longest body, either way."""


class Want(IntEnum):
    """What is asked for."""

    STILL = 1
    """A JPEG of the first key frame of an FLV stream."""
    PROOF = 2
    """Whether the body is a JPEG that decodes."""


class Came(IntEnum):
    """What came of it; of all but PICTURE the body is a text."""

    PICTURE = 0
    NO_KEY_FRAME = 1
    BAD_PICTURE = 2

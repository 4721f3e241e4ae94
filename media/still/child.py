"""The process that decodes pictures: reads questions from one pipe, writes answers into another.

It has little memory and low priority, dies with whoever started it, and does one thing at a time.
When a picture takes too long it is killed from outside; when one breaks it, nobody else is hurt.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO, Final

import av.logging

from media.still.picture import BadPicture, NoKeyFrame, Picture, checked, of_stream
from media.still.wire import ANSWER, MOST_BYTES, QUESTION, Came, Want

MEMORY: Final = 1536 << 20
"""Bytes of address space, code included: a picture of 64 million pixels fits."""
NICE: Final = 10
"""Live pictures come first."""

_PR_SET_PDEATHSIG: Final = 1


def main() -> None:
    """Serve until the pipe ends."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it died before the kernel was told
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICE)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    av.logging.set_level(None)
    serve(sys.stdin.buffer, sys.stdout.buffer)


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Answer one question after the other."""
    while len(head := questions.read(QUESTION.size)) == QUESTION.size:
        want, width, most_pixels, size = QUESTION.unpack(head)
        if size > MOST_BYTES:
            return
        body = questions.read(size)
        came, picture, text = Came.PICTURE, Picture(b"", 0, 0), b""
        try:
            picture = answered(Want(want), width, most_pixels, body)
        except NoKeyFrame as error:
            came, text = Came.NO_KEY_FRAME, str(error).encode()
        except (BadPicture, MemoryError) as error:
            came, text = Came.BAD_PICTURE, (str(error) or "too large").encode()
        data = picture.data or text
        answers.write(ANSWER.pack(came, picture.width, picture.height, len(data)) + data)
        answers.flush()


def answered(want: Want, width: int, most_pixels: int, body: bytes) -> Picture:
    """Raises NoKeyFrame, BadPicture, MemoryError."""
    if want is Want.STILL:
        return of_stream(body, most_pixels, width)
    return checked(body, most_pixels)

"""Several cameras at once, for modest loads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from .camera import Camera
from .text import Msg


class Fleet:
    """Cameras that do the same thing together."""

    def __init__(self, cameras: Iterable[Camera]) -> None:
        self.cameras = list(cameras)

    @classmethod
    def of(cls, count: int, make: Callable[[int], Camera]) -> Fleet:
        return cls(make(number) for number in range(count))

    def register(self, timeout: float = 15.0) -> list[Msg]:
        """All at once; the final responses in the order of the cameras."""
        deadline = time.monotonic() + timeout
        answers = [camera.register_later() for camera in self.cameras]
        return [answer.wait(max(0.1, deadline - time.monotonic())) for answer in answers]

    def keepalive_every(self, seconds: float) -> None:
        for camera in self.cameras:
            camera.keepalive_every(seconds)

    def close(self) -> None:
        for camera in self.cameras:
            camera.close()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

"""All forwards of a node."""

from __future__ import annotations

from itertools import count

from media.outgoing import ForwardInfo, ForwardSpec, ForwardStatistics, ForwardUnknown
from media.send.forward import Forward, Look, Tell
from media.send.sender import PICTURES, Leased


class Forwards:
    """Those of one node, by id."""

    def __init__(self, name: str, tell: Tell) -> None:
        self._name = name
        self._tell = tell
        self._forwards: dict[str, Forward] = {}
        self._numbers = count(1)

    def open(self, spec: ForwardSpec, host: str, leased: Leased, look: Look) -> ForwardInfo:
        """Raises OSError."""
        info = ForwardInfo(
            f"{self._name}-f{next(self._numbers)}",
            spec.stream_id,
            host,
            leased.local[1],
            spec.mode,
            spec.ssrc,
        )
        forward = Forward(spec, info, look, self._tell)
        try:
            forward.sender = leased.sender(_unheard, forward.begin, forward.ended, PICTURES)
        except BaseException:
            forward.close()
            raise
        self._forwards[info.forward_id] = forward
        return info

    async def aim(self, forward_id: str, host: str, port: int) -> None:
        """Raises ForwardUnknown, MediaConnectFailed."""
        forward = self._forwards.get(forward_id)
        if forward is None or forward.sender is None:
            raise ForwardUnknown(forward_id)
        await forward.sender.aim(host, port)
        forward.begin()

    def close(self, forward_id: str) -> ForwardInfo | None:
        """What it was, once."""
        forward = self._forwards.pop(forward_id, None)
        if forward is None:
            return None
        forward.close()
        return forward.info

    def infos(self) -> list[ForwardInfo]:
        return [forward.info for forward in self._forwards.values()]

    def statistics(self, forward_id: str) -> ForwardStatistics | None:
        forward = self._forwards.get(forward_id)
        return None if forward is None else forward.statistics()

    def aclose(self) -> None:
        for forward_id in list(self._forwards):
            self.close(forward_id)


def _unheard(_packets: list[bytes]) -> None:
    """What a receiver of pictures says (RTCP, mostly) is read, so that it does not pile up."""

"""Whether a camera can be reached and shows something: asked for its description, and no more."""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic

from media.errors import MediaConnectFailed, MediaTimeout
from media.pulling import PullSpec
from media.reaching import CONNECT_S
from media.rtsp import pull as pulls
from media.rtsp.credentials import Credentials
from media.rtsp.puller import address_of, error_of

READ_BYTES = 65_536


async def probe(spec: PullSpec) -> None:
    """Returns when the camera describes a picture that can be carried.

    Raises MediaConnectFailed, MediaTimeout, PullRefused, UnsupportedCodec.
    """
    host, port = await address_of(spec)
    credentials = Credentials(spec.user, spec.password, lambda: secrets.token_hex(8))
    machine = pulls.RtspPull(spec, credentials, lambda _: 0)
    try:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise MediaConnectFailed(host, port, str(error) or "no connection in time") from None
    try:
        async with asyncio.timeout(2 * pulls.ANSWER_S):
            effects = machine.start(monotonic())
            while True:
                for effect in effects:
                    match effect:
                        case pulls.Described():
                            return
                        case pulls.Send(data):
                            writer.write(data)
                        case pulls.Refused() | pulls.NotCarried() | pulls.Unanswered():
                            raise error_of(effect)
                read = await reader.read(READ_BYTES)
                if not read:
                    raise MediaTimeout("answer", 0.0)
                effects = machine.feed(read, monotonic())
    except (TimeoutError, OSError):
        raise MediaTimeout("answer", pulls.ANSWER_S) from None
    finally:
        writer.close()

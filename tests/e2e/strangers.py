"""Senders that are no devices: hand-made requests, garbage, a password guesser."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator

from .kit import new_id
from .server import DOMAIN, SERVER_ID, Server


@contextlib.contextmanager
def udp(host: str = "127.0.0.1") -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        sock.settimeout(0.7)
        yield sock


def status_of(sock: socket.socket) -> int:
    """Status of the next answer; 0 for silence."""
    try:
        data = sock.recv(65535)
    except TimeoutError:
        return 0
    return int(data.split(b" ", 2)[1])


def request(method: str = "OPTIONS", *, user: str = "", body: str = "", **change: str) -> str:
    """A sound request as text, with single lines replaced by `change` (underscore for dash)."""
    user = user or new_id()
    lines = {
        "start": f"{method} sip:{SERVER_ID}@{DOMAIN} SIP/2.0",
        "Via": f"SIP/2.0/UDP 192.0.2.64:5060;rport;branch=z9hG4bK{random.getrandbits(48):x}",
        "From": f"<sip:{user}@{DOMAIN}>;tag=t{random.getrandbits(32):x}",
        "To": f"<sip:{SERVER_ID}@{DOMAIN}>",
        "Call-ID": f"{random.getrandbits(48):x}",
        "CSeq": f"20 {method}",
        "Max-Forwards": "70",
        "Content-Length": str(len(body.encode())),
    }
    lines.update({name.replace("_", "-"): value for name, value in change.items()})
    start = lines.pop("start")
    rows = [f"{name}: {value}" for name, value in lines.items() if value]
    return "\r\n".join([start, *rows, "", body])


class Pest(threading.Thread):
    """Sends from one address until stopped, without waiting for answers."""

    def __init__(self, server: Server, make: Callable[[], bytes], pause: float = 0.001) -> None:
        super().__init__(daemon=True)
        self._server, self._make, self._pause = server, make, pause
        self._ended = threading.Event()
        self.sent = 0
        self.start()

    def run(self) -> None:
        with udp() as sock:
            while not self._ended.wait(self._pause):
                sock.sendto(self._make(), self._server.sip)
                self.sent += 1

    def stop(self) -> None:
        self._ended.set()
        self.join()


def guess(victim: str) -> bytes:
    """A REGISTER with a made-up answer to a made-up challenge."""
    return request(
        "REGISTER",
        user=victim,
        To=f"<sip:{victim}@{DOMAIN}>",
        Authorization=(
            f'Digest username="{victim}", realm="{DOMAIN}", nonce="{random.getrandbits(64):x}", '
            f'uri="sip:{SERVER_ID}@{DOMAIN}", response="{random.getrandbits(128):032x}"'
        ),
    ).encode()

"""A relay: the media of a platform on another host, ready for whoever knows the secret.

It listens, lets one platform in at a time (a new one that proves itself takes over: the old
connection may be dead without anybody having noticed), and does what a worker does. Whoever cannot
prove itself is hung up on, and has cost a nonce and a few seconds of a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

from .child import Child
from .messages import Begin
from .secret import HELLO, NONCE, PROOF, Agreement, Seal, Stranger
from .serving import HttpOptions

PROVE_S = 5.0
"""A caller has so long to prove that it knows the secret."""
WAITING = 16
"""Callers that have not proved themselves yet, at one time."""
BACKLOG = 16

log = logging.getLogger("gb28181.media.relay")


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """What only the relay's own host knows."""

    host: str
    port: int
    """Where platforms call."""
    secret: bytes
    bind_host: str
    announce_host: str
    """Told to cameras and players."""
    first_port: int
    last_port: int
    http_host: str
    http_first_port: int
    http_last_port: int
    cert_file: str | None = None
    key_file: str | None = None
    single_port: int = 0

    def at_home(self, begin: Begin) -> Begin:
        """What a platform wants, with the addresses of this host."""
        options = replace(
            begin.options,
            bind_host=self.bind_host,
            announce_host=self.announce_host,
            first_port=self.first_port,
            last_port=self.last_port,
            single_port=self.single_port,
        )
        http = begin.http and HttpOptions(
            self.http_host,
            self.http_first_port,
            self.http_last_port,
            begin.http.key,
            self.cert_file,
            self.key_file,
        )
        return replace(begin, options=options, http=http)


class Relay:
    """The listening end."""

    def __init__(self, options: RelayOptions, tell: Callable[[str, str, str], None]) -> None:
        """`tell` is called with `up`, `lost` or `refused`, the other's address and a reason."""
        self._options = options
        self._tell = tell
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._callers: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._child: Child | None = None
        self._free = asyncio.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._socket is not None, "not started"
        return int(self._socket.getsockname()[1])

    async def start(self) -> None:
        """Listen; raises OSError."""
        options = self._options
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((options.host, options.port))
            sock.listen(BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        self._socket = sock
        self._accepting = asyncio.get_running_loop().create_task(self._accept(sock))

    async def aclose(self) -> None:
        """Hang up on everybody. Idempotent."""
        tasks = [*self._callers, *([self._accepting] if self._accepting else [])]
        self._accepting = None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                caller, address = await loop.sock_accept(sock)
            except OSError as error:
                log.warning("a caller could not be taken: %s", error)
                await asyncio.sleep(1.0)
                continue
            caller.setblocking(False)
            if self._waiting >= WAITING:
                caller.close()
                self._tell("refused", address[0], "too many callers at once")
                continue
            task = loop.create_task(self._serve(caller, address[0]))
            self._callers.add(task)
            task.add_done_callback(self._callers.discard)

    async def _serve(self, sock: socket.socket, host: str) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(PROVE_S):
                seal = await listen_for_proof(sock, self._options.secret)
        except (Stranger, OSError, TimeoutError) as error:
            sock.close()
            self._tell("refused", host, str(error) or "it said nothing")
            return
        finally:
            self._waiting -= 1
        if self._child is not None:
            self._child.hang_up()
        async with self._free:  # the one before lets go of its ports first
            keep_alive(sock)
            self._child = child = Child(self._options.at_home)
            self._tell("up", host, "")
            try:
                await child.run(sock, seal)
            finally:
                self._tell("lost", host, "the platform hung up")
                if self._child is child:
                    self._child = None


async def listen_for_proof(sock: socket.socket, secret: bytes) -> Seal:
    """The listening end of a greeting.  Raises Stranger, OSError."""
    loop = asyncio.get_running_loop()
    nonce = secrets.token_bytes(NONCE)
    await loop.sock_sendall(sock, HELLO + nonce)
    answer = await _exactly(sock, NONCE + PROOF)
    agreement = Agreement(secret, nonce, answer[:NONCE])
    agreement.check("caller", answer[NONCE:])
    await loop.sock_sendall(sock, agreement.proof("listener"))
    return agreement.seal("listener")


async def prove(sock: socket.socket, secret: bytes) -> Seal:
    """The calling end of a greeting.  Raises Stranger, OSError."""
    loop = asyncio.get_running_loop()
    hello = await _exactly(sock, len(HELLO) + NONCE)
    if not hello.startswith(HELLO):
        raise Stranger("this is no relay, or another version of it")
    nonce = secrets.token_bytes(NONCE)
    agreement = Agreement(secret, hello[len(HELLO) :], nonce)
    await loop.sock_sendall(sock, nonce + agreement.proof("caller"))
    agreement.check("listener", await _exactly(sock, PROOF))
    return agreement.seal("caller")


def keep_alive(sock: socket.socket) -> None:
    """Notice within some ten seconds that the other host is gone without a word."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000)


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop, found = asyncio.get_running_loop(), b""
    while len(found) < size:
        data = await loop.sock_recv(sock, size - len(found))
        if not data:
            raise Stranger("it hung up")
        found += data
    return found

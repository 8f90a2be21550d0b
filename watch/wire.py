"""One TCP connection, in clear or within TLS, that never blocks."""

import errno
import socket
import ssl
from contextlib import suppress
from select import EPOLLIN, EPOLLOUT

from probes.spec import Tls
from watch import tls

PIECE_BYTES = 65_536


class Wire:
    """Every method may raise ``OSError`` (``ssl.SSLError`` is one): then the connection is of no more use but for ``close``."""

    __slots__ = ("_out", "_pipe", "_socket", "established")

    def __init__(self, family: socket.AddressFamily, address: str, port: int) -> None:
        self._pipe: tls.Pipe | None = None
        self._out = b""
        self.established = False
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        failed = self._socket.connect_ex((address, port))
        if failed not in {0, errno.EINPROGRESS}:
            self._socket.close()
            raise OSError(failed, "connect")

    @property
    def descriptor(self) -> int:
        return self._socket.fileno()

    @property
    def events(self) -> int:
        """What to wait for. Nothing is read while something is still to be sent; what comes meanwhile stays with the system."""
        return EPOLLOUT if self._out or not self.established else EPOLLIN

    def establish(self) -> bool:
        """Whether the connection stands by now."""
        try:
            self._socket.getpeername()
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise
            failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if failed:
                raise OSError(failed, "connect") from error
            return False  # the event was meant for a socket that was closed, and whose number is now ours
        self.established = True
        return True

    def secure(self, wish: Tls) -> None:
        self._pipe = tls.Pipe(wish)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a resumed session stalls 45 ms

    def shake(self) -> bool:
        """Go on with the TLS handshake with what has come; whether it is done."""
        if self._pipe is None:
            return True
        try:
            done = self._pipe.shake()
        except ssl.SSLError:
            with suppress(OSError):  # the peer is told why, if it still listens; what counts is the handshake's own error
                self.send(b"")
            raise
        self.send(b"")
        return done

    def fetch(self) -> bool:
        """Read one piece of the handshake from the socket; whether there was any (its end counts)."""
        data = self._recv()
        if data is None or self._pipe is None:
            return False
        self._pipe.receive(data)
        return True

    def send(self, data: bytes) -> bool:
        """Whether all is with the system; if not, send ``b""`` when the socket takes more."""
        if self._pipe is not None:
            if data:
                self._pipe.write(data)
            data = self._pipe.to_send()
        self._out += data
        if self._out:
            with suppress(BlockingIOError):
                self._out = self._out[self._socket.send(self._out) :]
        return not self._out

    def left(self) -> bytes | None:
        """What TLS has decrypted already; ``None`` when more must come over the wire first."""
        return self._pipe.read() if self._pipe is not None else None

    def certificate(self) -> bytes:
        """The peer's, DER; empty if it showed none, or where nothing is encrypted."""
        return self._pipe.certificate() if self._pipe is not None else b""

    def receive(self) -> bytes | None:
        """A piece of what the peer said, ``b""`` at its end, ``None`` when nothing is there for now."""
        while True:
            piece = self.left()
            if piece is not None:
                return piece
            data = self._recv()
            if data is None or self._pipe is None:
                return data
            self._pipe.receive(data)

    def close(self) -> None:
        self._socket.close()

    def _recv(self) -> bytes | None:
        try:
            return self._socket.recv(PIECE_BYTES)
        except BlockingIOError:
            return None

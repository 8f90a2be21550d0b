"""TLS without sockets: bytes in, bytes out. Contexts are kept, because making one costs 0.7 ms."""

import ssl
from pathlib import Path

from probes.spec import Tls

PIECE_BYTES = 65_536


class Pipe:
    """One TLS session over memory. Raises ``ssl.SSLError`` for what the peer does wrong, ``OSError`` where the CA file can't be
    read."""

    __slots__ = ("_incoming", "_object", "_outgoing")

    def __init__(self, wish: Tls) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = _context(wish).wrap_bio(self._incoming, self._outgoing, server_hostname=wish.server_name)

    def shake(self) -> bool:
        """Go on with the handshake; whether it is done."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def receive(self, data: bytes) -> None:
        """Bytes from the wire; empty ones are its end."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def read(self) -> bytes | None:
        """A piece of what the peer said; ``b""`` at its end, ``None`` when more must come first."""
        try:
            return self._object.read(PIECE_BYTES)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""  # many servers end without a farewell (close_notify); for a check it is the end all the same

    def certificate(self) -> bytes:
        """The peer's, DER; empty if it showed none."""
        return self._object.getpeercert(binary_form=True) or b""

    def write(self, data: bytes) -> None:
        self._object.write(data)

    def to_send(self) -> bytes:
        """Bytes for the wire."""
        return self._outgoing.read()


def _context(wish: Tls) -> ssl.SSLContext:
    key = (wish.verify and not wish.anonymous, wish.ca_file, wish.anonymous)
    changed_ns = Path(wish.ca_file).stat().st_mtime_ns if wish.ca_file else 0
    kept = _kept.get(key)
    if kept is not None and kept[0] == changed_ns:
        return kept[1]
    context = ssl.create_default_context(cafile=wish.ca_file)
    if wish.anonymous or not wish.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if wish.anonymous:
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # TLS 1.3 knows no handshake without a certificate
        context.set_ciphers("ALL:@SECLEVEL=0")  # with the anonymous ones, which begin with ADH
    _kept[key] = (changed_ns, context)
    return context


_kept: dict[tuple[bool, str | None, bool], tuple[int, ssl.SSLContext]] = {}
"""With the time its CA file was changed: a renewed file is read again without a restart."""

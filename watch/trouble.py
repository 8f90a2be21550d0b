"""Whose trouble an error of the system is: the peer's (down), or the watcher's own (unknown)."""

import errno
import os
import ssl

from domain.observation import Observation, down, unknown

_PEER = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "connection reset",
    errno.ECONNABORTED: "connection aborted",
    errno.EPIPE: "connection reset",
    errno.EHOSTUNREACH: "host unreachable",
    errno.EHOSTDOWN: "host unreachable",
    errno.ETIMEDOUT: "no answer",
    errno.EPROTO: "protocol error",
    errno.ENOPROTOOPT: "connection refused by a filter",
    errno.EMSGSIZE: "a router on the way takes no packet of this size",
}


def of_socket(error: OSError) -> Observation:
    """A refused connection speaks for the peer. Whatever else an error is (no descriptors, no route, no permission, no memory),
    the watcher could not look."""
    words = _PEER.get(error.errno or 0)
    if words is not None:
        return down(words)
    name = errno.errorcode.get(error.errno or 0, "no number")
    return unknown(f"the watcher can't look: {os.strerror(error.errno) if error.errno else type(error).__name__} ({name})")


def of_tls(error: ssl.SSLError) -> Observation:
    """What the handshake found wrong; certificate errors in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return down(f"certificate not valid: {error.verify_message}"[:200])
    reason = (error.reason or "protocol error").replace("_", " ").lower()
    return down(f"TLS failed: {reason}"[:200])

"""Log in over SSH: pinned host keys, one private key, and nothing of this machine's own SSH or Fabric configuration."""

import base64
import binascii
import codecs
import io
import logging
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Any

# Fabric and invoke bring no types for these.
import fabric  # type: ignore[import-untyped]
import fabric.runners  # type: ignore[import-untyped]
import paramiko
from invoke.exceptions import CommandTimedOut, ThreadException

from domain.model import SshAccess
from remediation.action import CannotReach, Guard, NoAnswer, NoWay, Ran, Target

CONNECT_TIMEOUT_S = 10.0
"""Bounds each of: TCP connect, key exchange, banner, authentication, opening a channel."""
MAX_OUTPUT_BYTES = 256 * 1024
"""Of standard output, and as much of standard error; what comes after is read and dropped."""
_KEY_CLASSES: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)

# Whatever goes wrong is told by CannotReach and Ran; paramiko would also print each as a traceback.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


class _BoundedRunner(fabric.runners.Remote):  # type: ignore[misc] # untyped base
    """Fabric's runner, for commands that have nothing to read, keeping only the beginning of what they print."""

    read_chunk_size = 32 * 1024
    _killed = False

    def kill(self) -> None:
        """Its time is over."""
        self._killed = True  # first: what waits for the channel goes on as soon as that is closed
        super().kill()

    @property
    def timed_out(self) -> bool:
        if self._killed:
            self._timer.join()  # it still closes the channel: the connection is not to be gone meanwhile
        return self._killed

    def send_start_message(self, command: str) -> None:
        # Only now: opening the channel was a round trip, which may have taken long, or have been slept through.
        if self.context.guard is not None:
            self.context.guard()
        super().send_start_message(command)
        self.channel.shutdown_write()  # else a command that reads its standard input would wait for ever

    def read_proc_output(self, reader: Callable[[int], bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        room = MAX_OUTPUT_BYTES
        while data := reader(self.read_chunk_size):
            if room > 0:
                yield decoder.decode(data[:room])
                room -= len(data)
        yield decoder.decode(b"", final=True)


class SshConnection:
    """A login on a host. Use from one thread."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        """Run one command; see ``remediation.action.Connection``. The remote shell gets each argument quoted once."""
        argv = tuple(argv)
        if any("\0" in argument for argument in argv):
            raise ValueError("an argument can't hold a NUL byte")
        if not self._connection.is_connected:  # Fabric would log in again, unasked
            return Ran(argv, None, detail="connection lost before the command was sent", sent=False)
        self._connection.guard = guard
        try:
            done = self._connection.run(
                shlex.join(argv), hide=True, warn=True, pty=False, in_stream=False, env={}, timeout=timeout_s
            )
        except CommandTimedOut as error:
            return _ran(argv, error.result, f"no end within {timeout_s:g} s; it may go on")
        except (paramiko.SSHException, OSError, EOFError, ThreadException) as error:
            return Ran(argv, None, detail=f"connection lost: {_said(error)}")
        # -1: there was no exit status; the connection broke, or a signal ended the command.
        return _ran(argv, done, "connection lost, or ended by a signal" if done.exited == -1 else "")

    def close(self) -> None:
        self._connection.client.close()


def _ran(argv: tuple[str, ...], result: Any, detail: str) -> Ran:
    return Ran(argv, None if detail else int(result.exited), str(result.stdout), str(result.stderr), detail)


def _said(error: BaseException) -> str:
    if isinstance(error, paramiko.ssh_exception.NoValidConnectionsError):
        return ", ".join(dict.fromkeys(_said(each) for each in error.errors.values()))  # its own words leave out why
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return " ".join(str(error).split()) or type(error).__name__


def open_connection(target: Target) -> SshConnection:
    """Log in on the target's host. Raises ``CannotReach``."""
    access = target.host.ssh
    if access is None:
        raise NoWay("the inventory says nothing about ssh on this host")
    pinned = _pinned(access)
    connection = _connection(access.address or target.host.address, access, _private_key(target, access), pinned)
    try:
        connection.open()
    except paramiko.BadHostKeyException as error:
        connection.client.close()
        raise CannotReach(f"host key mismatch: the host shows {_fingerprint(error.key)}, which is not pinned") from error
    except paramiko.SSHException as error:
        connection.client.close()
        raise _refusal(error, access) from error
    except (OSError, EOFError) as error:
        connection.client.close()
        raise NoAnswer(f"no connection to port {access.port}: {_said(error)}") from error
    return SshConnection(connection)


def _refusal(error: paramiko.SSHException, access: SshAccess) -> CannotReach:
    if isinstance(error, paramiko.AuthenticationException) and "timeout" in str(error).lower():
        return NoAnswer(f"no answer to the login on port {access.port}: {_said(error)}")  # its disk may hang, not its kernel
    if isinstance(error, paramiko.AuthenticationException):
        return CannotReach(f"login refused: the host doesn't accept this key for user {access.user}")
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return CannotReach(f"host key mismatch, or no algorithm in common: {_said(error)}")
    return NoAnswer(f"no SSH session on port {access.port}: {_said(error)}")


def _fingerprint(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


class _Connection(fabric.Connection):  # type: ignore[misc] # untyped base
    """Fabric's connection to exactly the given address (no user or port is read out of it). ``guard`` is that of the next
    command."""

    guard: Guard | None = None

    def derive_shorthand(self, host_string: str) -> dict[str, str | None]:
        return {"host": host_string, "user": None, "port": None}


def _connection(address: str, access: SshAccess, key: paramiko.PKey, pinned: Sequence[paramiko.PKey]) -> Any:
    """Fabric's connection, not yet open. ``lazy`` keeps it from reading any configuration file, SSH's included."""
    config = fabric.Config(lazy=True, overrides={"runners": {"remote": _BoundedRunner}})
    connection = _Connection(
        address,
        user=access.user,
        port=access.port,
        config=config,
        forward_agent=False,
        connect_kwargs={
            "pkey": key,
            "allow_agent": False,
            "look_for_keys": False,
            "timeout": CONNECT_TIMEOUT_S,
            "banner_timeout": CONNECT_TIMEOUT_S,
            "auth_timeout": CONNECT_TIMEOUT_S,
            "channel_timeout": CONNECT_TIMEOUT_S,
            "transport_factory": _transport_factory(pinned),
        },
    )
    # Fabric's own policy is to trust whoever answers. No known_hosts is ever loaded, so this one is asked about every key.
    connection.client.set_missing_host_key_policy(_OnlyPinned(pinned))
    return connection


class _OnlyPinned(paramiko.MissingHostKeyPolicy):
    def __init__(self, pinned: Sequence[paramiko.PKey]) -> None:
        self._pinned = pinned

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002 - paramiko's
        if key not in self._pinned:
            raise paramiko.BadHostKeyException(hostname, key, self._pinned[0])


def _transport_factory(pinned: Sequence[paramiko.PKey]) -> Callable[..., paramiko.Transport]:
    """Ask the host for a key of a pinned type only: of several it has, it would else show the one that we happen to prefer."""
    types = {
        name for key in pinned for name in (("rsa-sha2-512", "rsa-sha2-256") if key.get_name() == "ssh-rsa" else (key.get_name(),))
    }

    def make(sock: Any, **options: Any) -> paramiko.Transport:
        transport = paramiko.Transport(sock, **options)
        security = transport.get_security_options()
        security.key_types = [name for name in security.key_types if name in types]
        return transport

    return make


def _pinned(access: SshAccess) -> list[paramiko.PKey]:
    if not access.host_keys:
        raise NoWay("no host key is pinned, so no host can be trusted")
    return [_host_key(text) for text in access.host_keys]


def _host_key(text: str) -> paramiko.PKey:
    words = text.split()
    try:
        return paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1], validate=True))
    except (IndexError, binascii.Error, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as error:
        raise NoWay(f"a pinned host key is not readable: {text[:40]!r}") from error


def _private_key(target: Target, access: SshAccess) -> paramiko.PKey:
    """The key behind the reference. Nothing of it gets into an error."""
    reference = f"the private key ({access.identity.kind} {access.identity.name})"
    try:
        text = target.resolve(access.identity)
    except (LookupError, OSError, ValueError) as error:
        raise CannotReach(f"{reference} is not to be had: {_said(error)}") from error
    for key_class in _KEY_CLASSES:
        try:
            return key_class.from_private_key(io.StringIO(text))
        except paramiko.PasswordRequiredException:
            raise CannotReach(f"{reference} has a passphrase; a key for machines has none") from None
        except (paramiko.SSHException, ValueError):
            continue  # of another class; after the last one it is of none
    raise CannotReach(f"{reference} is no ed25519, ecdsa or rsa key")

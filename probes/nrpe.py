"""What the kinds asked over NRPE share (C26, C27): a command that the host's own configuration names is run there, and its exit
status and words come back. In packets of version 2, which every server since NRPE 2 knows, NSClient++ too; there is no RFC."""

import struct
import zlib
from collections.abc import Generator
from typing import NamedTuple

from domain.observation import Observation, down, unknown, up
from domain.secrecy import without_secrets
from probes import option
from probes.option import Option
from probes.spec import Connect, Dialogue, Exactly, Send, Target, Tls, Wish
from probes.words import quoted_text

MAX_ARGUMENTS = 10
_VERSION, _QUERY, _RESPONSE = 2, 1, 2
_PACKET = struct.Struct("!HHIH1024s2x")
"""Version, type, CRC-32 of the whole packet with this field zero, result, text up to a NUL."""
_MAX_QUERY_BYTES = 1023
_OK, _WARNING, _CRITICAL = 0, 1, 2


class Answer(NamedTuple):
    """``result``: 0 OK, 1 warning, 2 critical, anything else: the command could not tell. ``output``: its first line."""

    result: int
    output: bytes


def look(target: Target) -> Dialogue:
    """Up while the command says OK."""
    answer = yield from _asked(target)
    if isinstance(answer, Observation):
        return answer
    said = quoted_text(without_secrets(answer.output.decode("utf-8", "replace")), 120)
    if answer.result == _OK:
        return up(said)
    if answer.result not in {_WARNING, _CRITICAL} or answer.output.startswith(b"NRPE: "):  # NRPE's own words: nothing was run
        return unknown(f"the host's command can't tell: {said}")
    return down(said)


def _asked(target: Target) -> Generator[Wish, bytes, Answer | Observation]:
    given = target.options
    query = "!".join((given["command"], *(given["arguments"] or ()))).encode()
    if len(query) > _MAX_QUERY_BYTES:
        return unknown(f"the command and its arguments are longer than {_MAX_QUERY_BYTES} bytes")
    how: str = given["tls"]
    name = given["server_name"] or target.called
    yield Connect(target.address, given["port"], None if how == "none" else Tls(name, True, given["ca_file"], how == "anonymous"))
    yield Send(packet(_QUERY, 0, query))
    heard = yield Exactly(_PACKET.size, "NRPE answer")
    version, kind, _, result, text = _PACKET.unpack(heard)
    if (version, kind) != (_VERSION, _RESPONSE):
        return down("answers with something that is no NRPE packet")
    if zlib.crc32(heard[:4] + bytes(4) + heard[8:]) != int.from_bytes(heard[4:8], "big"):
        return down("answers with a damaged NRPE packet (CRC)")
    return Answer(result, text.partition(b"\0")[0].partition(b"\n")[0].partition(b"|")[0].strip())


def packet(kind: int, result: int, text: bytes) -> bytes:
    """``kind``: 1 asks, 2 answers."""
    crc = zlib.crc32(_PACKET.pack(_VERSION, kind, 0, result, text))
    return _PACKET.pack(_VERSION, kind, crc, result, text)


def _command(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= 100 and value.isascii() and value.isprintable() and not set(value) & set("! "):
        return str(value)
    raise ValueError("the name of a command, as the host's NRPE configuration has it, such as check_logfile")


def _arguments(value: object) -> list[str]:
    if isinstance(value, list) and 0 < len(value) <= MAX_ARGUMENTS and all(map(_is_argument, value)):
        return [str(one) for one in value]
    raise ValueError(f"a list of 1 to {MAX_ARGUMENTS} texts of up to 500 characters, none of them with a !, which parts them")


def _is_argument(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 500 and value.isprintable() and "!" not in value


def options(command: str) -> dict[str, Option]:
    """``command``: what it is called unless the inventory says otherwise."""
    return {
        "command": Option(f"the command to run, as the host's NRPE server names it; {command} by default", _command, command),
        "arguments": Option("a list of texts that go with the command; most servers take none (dont_blame_nrpe)", _arguments),
        "port": Option("TCP port; 5666 by default", option.port, 5666),
        "tls": Option(
            "anonymous (encrypted, with whoever answers: what NRPE does by itself), verified (by certificate) or none; by default "
            "anonymous",
            option.choice("anonymous", "verified", "none"),
            "anonymous",
        ),
        "server_name": Option("name the certificate must be valid for; by default the address", option.server_name),
        "ca_file": Option("certificates (PEM) to trust instead of the system's", option.file),
    }

"""``ntp`` (C32): a server of time answers, and is synchronised (RFC 5905 7.3); where it is watched, its offset from its own
upstream is small, as it tells by a control message (RFC 9327 3, 4)."""

import re
import secrets
import struct
from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Limit, Observation, down, up
from probes import option
from probes.asked import asked
from probes.option import Option
from probes.spec import Ask, Dialogue, Spec, Talk, Target, Wish
from probes.threshold import number
from probes.words import quoted

_VERSION = 4 << 3
_CLIENT, _SERVER, _CONTROL = 3, 4, 6
_TIME_BYTES = 48
_TIME_AWAITED = "NTP answer"
_UNSYNCHRONISED_LEAP = 3
_MAX_STRATUM = 15
_READVAR, _RESPONSE, _ERROR = 2, 0x80, 0x40
_CONTROL_HEAD = struct.Struct(
    "!BBHHHHH"
)  # RFC 9327 2: leap, version and mode; flags and opcode; sequence, status, association, offset, count
_OFFSET = re.compile(rb"(?:^|[\s,])offset=([-+]?[0-9]{1,9}(?:\.[0-9]{1,9})?)(?=[\s,]|$)")


def _look(target: Target) -> Dialogue:
    time = yield from _asked_time(target.address, target.options["port"])
    if isinstance(time, Observation):
        return time
    if not target.options["watch_offset"]:
        return up(time)
    offset_s = yield from _asked_offset(target.address, target.options["port"])
    if isinstance(offset_s, Observation):
        return offset_s
    most_s: float = target.options["max_offset"]
    words = f"{time}, {offset_s:+.6f} s off its own upstream"
    return up(words, offset_s) if abs(offset_s) <= most_s else down(words, offset_s, Limit(Level.MINOR, ">", most_s, " s"))


def _asked_time(address: str, port: int) -> Generator[Wish, bytes, str | Observation]:
    """Our time of sending is a random number: the server only has to give it back, and nobody who doesn't see it can."""
    sent = secrets.token_bytes(8)
    question = bytes((_VERSION | _CLIENT,)).ljust(_TIME_BYTES - len(sent), b"\0") + sent

    def answers(heard: bytes) -> bool:
        return len(heard) >= _TIME_BYTES and heard[0] & 7 == _SERVER and heard[24:32] == sent

    heard = yield from asked(Ask(address, port, question, _TIME_AWAITED), answers)
    if isinstance(heard, Observation):
        return heard
    stratum = heard[1]
    if stratum == 0:
        return down(f"serves no time, and says {quoted(heard[12:16].rstrip(bytes(1)))}")  # RFC 5905 7.4
    if heard[0] >> 6 == _UNSYNCHRONISED_LEAP or stratum > _MAX_STRATUM:
        return down(f"its clock is not synchronised (stratum {stratum})")
    return f"stratum {stratum}"


def _asked_offset(address: str, port: int) -> Generator[Wish, bytes, float | Observation]:
    """In seconds; the server writes milliseconds."""
    sequence = secrets.randbelow(1 << 16)
    head = _CONTROL_HEAD.pack(_VERSION | _CONTROL, _READVAR, sequence, 0, 0, 0, len(b"offset"))

    def answers(heard: bytes) -> bool:
        return len(heard) >= _CONTROL_HEAD.size and (
            heard[0] & 7 == _CONTROL and heard[1] & 0x9F == _RESPONSE | _READVAR and heard[2:4] == head[2:4]
        )

    silence = "it may tell it to nobody: noquery"
    heard = yield from asked(Ask(address, port, head + b"offset\0\0", "answer about its offset", silence), answers)
    if isinstance(heard, Observation):
        return heard
    if heard[1] & _ERROR:
        return down(f"refuses to tell its offset (error {heard[4]})")
    size = _CONTROL_HEAD.unpack_from(heard)[6]
    told = _OFFSET.search(heard[_CONTROL_HEAD.size :][:size])
    return float(told[1]) / 1000 if told is not None else down("does not tell its offset")


NTP = Spec(
    name="ntp",
    source="C32",
    doc="Serves the time of a synchronised clock; where watched, one that is close to its own upstream",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={
        "port": Option("UDP port; 123 by default", option.port, 123),
        "watch_offset": Option(
            "whether to ask for its offset from its own upstream, which it must let the watcher ask (no noquery); false by default",
            option.boolean,
            False,
        ),
        "max_offset": Option(
            "how far it may be off then, 0.001 to 0.128 s; 0.02 by default, and more is Lv.3", number(0.001, 0.128, "s"), 0.02
        ),
    },
    unit=" s",
)

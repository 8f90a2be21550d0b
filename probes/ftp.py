"""``ftp`` (C31): the greeting is 220 (RFC 959 5.4); with a login USER and PASS are accepted; AUTH TLS by RFC 4217."""

from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Observation, down
from probes import option
from probes.option import Option
from probes.spec import Line, Send, Spec, StartTls, Talk, Tls, Wish
from probes.way_in import Account, Protocol, options
from probes.words import quoted

IMPLIED_TLS = {990: "implicit"}
MAX_REPLY_LINES = 200
_ANONYMOUS = ("anonymous", "ftp")


def _greet() -> Generator[Wish, bytes, bytes | Observation]:
    greeting = yield from _reply()
    return greeting if greeting.startswith(b"220") else down(f"greets with {quoted(greeting)} instead of 220")


def _start_tls(tls: Tls) -> Generator[Wish, bytes, Observation | None]:
    yield Send(b"AUTH TLS\r\n")
    answer = yield from _reply()
    if not answer.startswith(b"234"):
        return down(f"answered {quoted(answer)} instead of 234 to AUTH TLS")
    yield StartTls(tls)
    return None


def _log_in(account: Account) -> Generator[Wish, bytes, Observation | None]:
    yield Send(f"USER {account.user}\r\n".encode())
    answer = yield from _reply()
    if answer.startswith(b"331"):
        yield Send(f"PASS {account.password}\r\n".encode())
        answer = yield from _reply()
    return None if answer.startswith(b"230") else down(f"answered {account.said(answer)} instead of 230 to the login")


def _reply() -> Generator[Wish, bytes, bytes]:
    """The last line of a reply: of several, the first that begins with the code of the first one and a space (RFC 959 4.2)."""
    first = line = yield Line(2048, "FTP reply")
    if first[3:4] != b"-" or not first[:3].isdigit():
        return first
    for _ in range(MAX_REPLY_LINES):
        line = yield Line(2048, "FTP reply")
        if line[:4] == first[:3] + b" ":
            break
    return line


def _login(value: object) -> dict[str, object]:
    """C31 knows no anonymous login."""
    read = option.login(value)
    if str(read["user"]).lower() in _ANONYMOUS:
        raise ValueError("an account of somebody's own, not an anonymous one")
    return read


PROTOCOL = Protocol(IMPLIED_TLS, _greet, _start_tls, _log_in)
_OPTIONS = options(21, IMPLIED_TLS)

FTP = Spec(
    name="ftp",
    source="C31",
    doc="Greets as an FTP server, and lets an account log in where one is given",
    way=Talk(PROTOCOL.look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={**_OPTIONS, "login": Option(_OPTIONS["login"].doc, _login)},
)

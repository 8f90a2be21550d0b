"""``imap`` (C30): the greeting says OK (RFC 9051 7.1.5); with a login LOGIN is accepted; STARTTLS by RFC 9051 6.2.1."""

from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Observation, down
from probes.spec import Line, Send, Spec, StartTls, Talk, Tls, Wish
from probes.way_in import Account, Protocol, options
from probes.words import quoted

IMPLIED_TLS = {993: "implicit"}
MAX_LINE_BYTES = 8192
MAX_UNTAGGED = 50


def _greet() -> Generator[Wish, bytes, bytes | Observation]:
    greeting = yield Line(MAX_LINE_BYTES, "IMAP greeting")
    return greeting if greeting.upper().startswith(b"* OK") else down(f"greets with {quoted(greeting)} instead of * OK")


def _start_tls(tls: Tls) -> Generator[Wish, bytes, Observation | None]:
    yield Send(b"a STARTTLS\r\n")
    answer = yield from _answer("answer to STARTTLS")
    if not answer.upper().startswith(b"A OK"):
        return down(f"answered {quoted(answer)} instead of OK to STARTTLS")
    yield StartTls(tls)
    return None


def _log_in(account: Account) -> Generator[Wish, bytes, Observation | None]:
    """Both as literals (RFC 9051 4.3): nothing in a name or password needs quoting, and none can become a command."""
    user, password = account.user.encode(), account.password.encode()
    for said in (b"b LOGIN {%d}\r\n" % len(user), user + b" {%d}\r\n" % len(password)):
        yield Send(said)
        answer = yield from _answer("answer to LOGIN")
        if not answer.startswith(b"+"):
            return down(f"answered {account.said(answer)} to LOGIN")
    yield Send(password + b"\r\n")
    answer = yield from _answer("answer to LOGIN")
    if not answer.upper().startswith(b"B OK"):
        return down(f"answered {account.said(answer)} instead of OK to LOGIN")
    return None


def _answer(awaited: str) -> Generator[Wish, bytes, bytes]:
    """The first line that is not untagged; of a peer that sends untagged ones only, the last."""
    line = b""
    for _ in range(MAX_UNTAGGED):
        line = yield Line(MAX_LINE_BYTES, awaited)
        if not line.startswith(b"* "):
            break
    return line


PROTOCOL = Protocol(IMPLIED_TLS, _greet, _start_tls, _log_in)

IMAP = Spec(
    name="imap",
    source="C30",
    doc="Greets as an IMAP server, and lets an account log in where one is given",
    way=Talk(PROTOCOL.look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(143, IMPLIED_TLS),
)

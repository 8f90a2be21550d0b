"""``pop3`` (C29): the greeting says +OK (RFC 1939 4); with a login USER and PASS are accepted; STLS by RFC 2595."""

from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Observation, down
from probes.spec import Line, Send, Spec, StartTls, Talk, Tls, Wish
from probes.way_in import Account, Protocol, options
from probes.words import quoted

IMPLIED_TLS = {995: "implicit"}
MAX_LINE_BYTES = 512
"""RFC 2449 4."""


def _greet() -> Generator[Wish, bytes, bytes | Observation]:
    greeting = yield Line(MAX_LINE_BYTES, "POP3 greeting")
    return greeting if greeting.startswith(b"+OK") else down(f"greets with {quoted(greeting)} instead of +OK")


def _start_tls(tls: Tls) -> Generator[Wish, bytes, Observation | None]:
    yield Send(b"STLS\r\n")
    answer = yield Line(MAX_LINE_BYTES, "answer to STLS")
    if not answer.startswith(b"+OK"):
        return down(f"answered {quoted(answer)} instead of +OK to STLS")
    yield StartTls(tls)
    return None


def _log_in(account: Account) -> Generator[Wish, bytes, Observation | None]:
    for command, value in (("USER", account.user), ("PASS", account.password)):
        yield Send(f"{command} {value}\r\n".encode())
        answer = yield Line(MAX_LINE_BYTES, f"answer to {command}")
        if not answer.startswith(b"+OK"):
            return down(f"answered {account.said(answer)} instead of +OK to {command}")
    return None


PROTOCOL = Protocol(IMPLIED_TLS, _greet, _start_tls, _log_in)

POP3 = Spec(
    name="pop3",
    source="C29",
    doc="Greets as a POP3 server, and lets an account log in where one is given",
    way=Talk(PROTOCOL.look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(110, IMPLIED_TLS),
)

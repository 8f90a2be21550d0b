"""``pop3`` (C29): the greeting says +OK (RFC 1939 4); with a login USER and PASS are accepted; STLS by RFC 2595."""

from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Observation, down, up
from probes.spec import Connect, Dialogue, Line, Send, Spec, StartTls, Target, Wish
from probes.way_in import Account, options, way_in
from probes.words import quoted

IMPLIED_TLS = {995: "implicit"}
MAX_LINE_BYTES = 512
"""RFC 2449 4."""


def _look(target: Target) -> Dialogue:
    way = way_in(target, IMPLIED_TLS)
    if isinstance(way, Observation):
        return way
    yield Connect(target.address, way.port, way.tls if way.how == "implicit" else None)
    greeting = yield Line(MAX_LINE_BYTES, "POP3 greeting")
    if not greeting.startswith(b"+OK"):
        return down(f"greets with {quoted(greeting)} instead of +OK")
    if way.how == "starttls":
        yield Send(b"STLS\r\n")
        answer = yield Line(MAX_LINE_BYTES, "answer to STLS")
        if not answer.startswith(b"+OK"):
            return down(f"answered {quoted(answer)} instead of +OK to STLS")
        yield StartTls(way.tls)
    if way.account is not None and (refusal := (yield from _log_in(way.account))) is not None:
        return refusal
    return up(quoted(greeting))


def _log_in(account: Account) -> Generator[Wish, bytes, Observation | None]:
    for command, value in (("USER", account.user), ("PASS", account.password)):
        yield Send(f"{command} {value}\r\n".encode())
        answer = yield Line(MAX_LINE_BYTES, f"answer to {command}")
        if not answer.startswith(b"+OK"):
            return down(f"answered {account.said(answer)} instead of +OK to {command}")
    return None


POP3 = Spec(
    name="pop3",
    source="C29",
    doc="Greets as a POP3 server, and lets an account log in where one is given",
    start=_look,
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(110, IMPLIED_TLS),
)

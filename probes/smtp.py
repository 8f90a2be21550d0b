"""``smtp`` (C28): the first reply is 220 (RFC 5321 4.3.2); with a login AUTH LOGIN is accepted; STARTTLS by RFC 3207."""

from base64 import b64encode
from collections.abc import Generator, Iterable

from domain.model import FaultClass, Level
from domain.observation import Observation, down
from probes.spec import Line, Send, Spec, StartTls, Talk, Tls, Wish
from probes.way_in import Account, Protocol, options
from probes.words import quoted

IMPLIED_TLS = {465: "implicit", 587: "starttls"}
MAX_REPLY_LINES = 50
_EHLO = b"EHLO [127.0.0.1]\r\n"

Expected = tuple[bytes, bytes, str]
"""A command ("" where the server speaks first), the code that means yes, and what it answers, in words."""


def greet() -> Generator[Wish, bytes, bytes | Observation]:
    greeting = yield from reply()
    return greeting if greeting.startswith(b"220") else down(f"greets with {quoted(greeting)} instead of 220")


def start_tls(tls: Tls) -> Generator[Wish, bytes, Observation | None]:
    """After the greeting; what kept it from coming about, if anything did."""
    refusal = yield from _expect(((_EHLO, b"250", "to EHLO"), (b"STARTTLS\r\n", b"220", "to STARTTLS")))
    if refusal is None:
        yield StartTls(tls)
    return refusal


def _log_in(account: Account) -> Generator[Wish, bytes, Observation | None]:
    user, password = (b64encode(part.encode()) + b"\r\n" for part in account)
    return (
        yield from _expect(
            (
                (_EHLO, b"250", "to EHLO"),
                (b"AUTH LOGIN\r\n", b"334", "to AUTH LOGIN"),
                (user, b"334", "to the user of AUTH LOGIN"),
                (password, b"235", "to the password of AUTH LOGIN"),
            ),
            account,
        )
    )


def _expect(steps: Iterable[Expected], account: Account | None = None) -> Generator[Wish, bytes, Observation | None]:
    """Say these in turn; the first answer that is another than expected is a fault."""
    for command, code, said in steps:
        yield Send(command)
        last = yield from reply()
        if not last.startswith(code):
            answer = account.said(last) if account is not None else quoted(last)
            return down(f"answered {answer} instead of {code.decode()} {said}")
    return None


def reply() -> Generator[Wish, bytes, bytes]:
    """The last line of a reply of one or more (RFC 5321 4.2.1), or the first that is none."""
    line = b""
    for _ in range(MAX_REPLY_LINES):
        line = yield Line(2048, "SMTP reply")
        if line[3:4] != b"-" or not line[:3].isdigit():
            break
    return line


PROTOCOL = Protocol(IMPLIED_TLS, greet, start_tls, _log_in)

SMTP = Spec(
    name="smtp",
    source="C28",
    doc="Greets as a mail server, and lets an account log in (AUTH LOGIN) where one is given",
    way=Talk(PROTOCOL.look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(25, IMPLIED_TLS),
)

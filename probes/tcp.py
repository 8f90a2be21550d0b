"""``tcp`` (C13): a connection is established; with TLS where the port implies it."""

from collections.abc import Generator

from domain.model import FaultClass, Level
from domain.observation import Observation, down, up
from probes import option
from probes.option import Option
from probes.spec import Connect, Dialogue, Line, Send, Spec, StartTls, Target, Tls, Wish
from probes.words import quoted

IMPLIED_TLS = {465: "implicit", 587: "starttls", 993: "implicit", 995: "implicit", 8443: "implicit"}
"""C13: SMTPS, submission, IMAPS, POPS, the Plesk panel."""
MAX_REPLY_LINES = 50


def look(target: Target) -> Dialogue:
    port: int = target.options["port"]
    how: str = target.options["tls"] or IMPLIED_TLS.get(port, "none")
    name: str | None = target.options["server_name"]
    # Without a name to expect, any certificate is accepted: the check asks for a connection, not for an identity (C13)
    tls = Tls(name or target.address, verify=name is not None, ca_file=target.options["ca_file"])
    yield Connect(target.address, port, tls if how == "implicit" else None)
    if how == "starttls":
        refusal = yield from _submission(tls)
        if refusal is not None:
            return refusal
    return up()


def _submission(tls: Tls) -> Generator[Wish, bytes, Observation | None]:
    """STARTTLS in SMTP (RFC 3207)."""
    for command, code, said in _STARTTLS:
        if command:
            yield Send(command)
        last = yield from _reply()
        if not last.startswith(code):
            return down(f"answered {quoted(last)} instead of {code.decode()} {said}")
    yield StartTls(tls)
    return None


_STARTTLS = (
    (b"", b"220", "as greeting"),
    (b"EHLO [127.0.0.1]\r\n", b"250", "to EHLO"),
    (b"STARTTLS\r\n", b"220", "to STARTTLS"),
)


def _reply() -> Generator[Wish, bytes, bytes]:
    """The last line of a reply of one or more (RFC 5321 4.2.1), or the first that is none."""
    line = b""
    for _ in range(MAX_REPLY_LINES):
        line = yield Line(2048, "SMTP reply")
        if line[3:4] != b"-":
            break
    return line


TCP = Spec(
    name="tcp",
    source="C13",
    doc="Accepts a TCP connection; with TLS where the port implies it (465, 993, 995, 8443; 587 by STARTTLS)",
    start=look,
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={
        "port": Option("TCP port", option.port, required=True),
        "tls": Option(
            "none, implicit, or starttls (SMTP submission); by default what the port implies",
            option.choice("none", "implicit", "starttls"),
        ),
        "server_name": Option("name the certificate must be valid for; without one no certificate is judged", option.server_name),
        "ca_file": Option("certificates (PEM) to trust instead of the system's", option.file),
    },
)

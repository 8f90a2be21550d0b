"""``tcp`` (C13): a connection is established; with TLS where the port implies it."""

from domain.model import FaultClass, Level
from domain.observation import Observation, up
from probes import option
from probes.option import Option
from probes.smtp import greet, start_tls
from probes.spec import Connect, Dialogue, Spec, Talk, Target, Tls

IMPLIED_TLS = {465: "implicit", 587: "starttls", 993: "implicit", 995: "implicit", 8443: "implicit"}
"""C13: SMTPS, submission, IMAPS, POPS, the Plesk panel."""


def _look(target: Target) -> Dialogue:
    port: int = target.options["port"]
    how: str = target.options["tls"] or IMPLIED_TLS.get(port, "none")
    name: str | None = target.options["server_name"]
    # Without a name to expect, any certificate is accepted: the check asks for a connection, not for an identity (C13)
    tls = Tls(name or target.called, verify=name is not None, ca_file=target.options["ca_file"])
    yield Connect(target.address, port, tls if how == "implicit" else None)
    if how == "starttls":
        greeting = yield from greet()
        if isinstance(greeting, Observation):
            return greeting
        if (refusal := (yield from start_tls(tls))) is not None:
            return refusal
    return up()


TCP = Spec(
    name="tcp",
    source="C13",
    doc="Accepts a TCP connection; with TLS where the port implies it (465, 993, 995, 8443; 587 by STARTTLS)",
    way=Talk(_look),
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

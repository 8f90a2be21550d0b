"""``ssh`` (C33): the server sends its identification string (RFC 4253 4.2). No key exchange, no login."""

from domain.model import FaultClass, Level
from domain.observation import down, up
from probes import option
from probes.option import Option
from probes.spec import Connect, Dialogue, Line, Spec, Talk, Target
from probes.words import quoted

MAX_LINES = 50
"""RFC 4253 allows lines before the identification and names no bound; a login banner that comes in clear is shorter than this."""


def _look(target: Target) -> Dialogue:
    yield Connect(target.address, target.options["port"])
    for _ in range(MAX_LINES):
        line = yield Line(1024, "SSH identification string")
        if line.startswith((b"SSH-2.0-", b"SSH-1.99-")):
            return up(quoted(line))
        if line.startswith(b"SSH-"):
            return down(f"speaks no SSH version 2: {quoted(line)}")
    return down(f"no SSH identification string within {MAX_LINES} lines")


SSH = Spec(
    name="ssh",
    source="C33",
    doc="Sends an SSH identification string",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVER,  # R20: an SSH outage is the server's, as ping's is
    options={"port": Option("TCP port; 22 by default", option.port, 22)},
)

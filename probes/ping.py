"""``ping`` (C10): an ICMP echo of 64 bytes, over IPv4 and IPv6."""

from domain.model import FaultClass, Level
from domain.observation import up
from probes.spec import Dialogue, Echo, Spec, Talk, Target

_ANSWERED = up()


def _look(target: Target) -> Dialogue:
    yield Echo(target.address)
    return _ANSWERED


PING = Spec(
    name="ping",
    source="C10",
    doc="Answers an ICMP echo of 64 bytes",
    way=Talk(_look),
    level=Level.UNREACHABLE,  # R1
    fault_class=FaultClass.SERVER,  # R20
    timeout_s=5.0,
)

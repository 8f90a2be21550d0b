"""``logfile`` (C26): no new line of a log holds the keyword. The host reads it, each line once, and tells by NRPE what it found."""

from domain.model import FaultClass, Level
from probes import nrpe
from probes.spec import Spec, Talk

LOGFILE = Spec(
    name="logfile",
    source="C26",
    doc="Finds no keyword in the new lines of a log file, by a command on the host (NRPE)",
    way=Talk(nrpe.look),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4: a line in a log says nothing about what would cure it
    options=nrpe.options("check_logfile"),
    at_once=True,
)

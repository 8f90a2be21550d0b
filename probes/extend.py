"""What a command of ``snmpd.conf``'s ``extend`` printed (NET-SNMP-EXTEND-MIB): its first line."""

import re

from probes.mib import extend
from probes.reading import NotOffered, Values
from probes.words import quoted

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)


def name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("the name of an extend in snmpd.conf: 1 to 32 letters, digits and . _ -")
    return str(value)


def line(values: Values, extended: str) -> bytes:
    """Raises ``NotOffered`` where the command failed."""
    output, result = extend(extended)
    said, code = values.text(output), values.number(result)
    if code:
        raise NotOffered(f"the command of extend {extended} ended with exit code {code}, and said {quoted(said)}")
    return said

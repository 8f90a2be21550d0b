"""BER as SNMP uses it (X.690; RFC 1157 forbids the indefinite form): elements written, and read within what holds them."""

SEQUENCE, INTEGER, OCTETS, NULL, OID = 0x30, 0x02, 0x04, 0x05, 0x06
_MAX_INTEGER_BYTES = 9


class BadBer(Exception):  # noqa: N818 - a signal between the modules that read messages
    """This is no such element; beside it ``IndexError`` says that the message ends too early."""


def tlv(tag: int, contents: bytes) -> bytes:
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + contents


def integer(value: int) -> bytes:
    """Not negative."""
    return tlv(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def header(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the contents of the element that begins at ``at`` begin and end. Raises ``BadBer``, ``IndexError``."""
    if data[at] != tag:
        raise BadBer
    length = data[at + 1]
    at += 2
    if length > 0x7F:
        count = length & 0x7F
        if not 1 <= count <= 4:  # 0 is the indefinite form
            raise BadBer
        length = int.from_bytes(data[at : at + count], "big")
        at += count
    if at + length > end:
        raise BadBer
    return at, at + length


def read_integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number, and where what follows begins."""
    start, stop = header(data, at, end, INTEGER)
    if not 1 <= stop - start <= _MAX_INTEGER_BYTES:
        raise BadBer
    return int.from_bytes(data[start:stop], "big", signed=True), stop


def read_octets(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """The string, and where what follows begins."""
    start, stop = header(data, at, end, OCTETS)
    return data[start:stop], stop

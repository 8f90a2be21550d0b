"""Reads a filter from the wire (RFC 4511 4.5.1.7), by its own lights."""


def text_of(wire: bytes) -> str:
    text, rest = _filter(wire)
    assert rest == b""
    return text


def _element(wire: bytes) -> tuple[int, bytes, bytes]:
    tag, size, at = wire[0], wire[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(wire[2:at], "big")
    assert at + size <= len(wire)
    return tag, wire[at : at + size], wire[at + size :]


def _filter(wire: bytes) -> tuple[str, bytes]:
    tag, body, rest = _element(wire)
    if tag in {0xA0, 0xA1}:
        found = ""
        while body:
            text, body = _filter(body)
            found += text
        return f"({'&' if tag == 0xA0 else '|'}{found})", rest
    if tag == 0xA2:
        return f"(!{_filter(body)[0]})", rest
    if tag == 0x87:
        return f"({body.decode()}=*)", rest
    _, name, more = _element(body)
    _, value, left = _element(more)
    assert left == b""
    if tag == 0xA4:
        return f"({name.decode()}={_parts(value)})", rest
    sign = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}[tag]
    return f"({name.decode()}{sign}{value.decode(errors='replace')})", rest


def _parts(body: bytes) -> str:
    first, middle, last = "", [], ""
    while body:
        tag, part, body = _element(body)
        text = part.decode(errors="replace")
        if tag == 0x80:
            first = text
        elif tag == 0x82:
            last = text
        else:
            middle.append(text)
    return "*".join([first, *middle, last])

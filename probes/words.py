"""What a peer sent, as words for a person."""


def quoted(data: bytes, max_chars: int = 60) -> str:
    """Printable ASCII in double quotes, shortened; every other byte becomes ``?``, so that no peer writes control characters, or
    lines of its own, into mails, logs and terminals."""
    cut = data[:max_chars]
    plain = "".join(chr(byte) if 0x20 <= byte < 0x7F else "?" for byte in cut)
    return f'"{plain}{"…" if len(data) > max_chars else ""}"'


def quoted_text(text: str, max_chars: int = 60) -> str:
    """The same of text in any script: what does not print, what turns the direction of writing too, becomes ``?``."""
    plain = "".join(char if char.isprintable() else "?" for char in text[:max_chars])
    return f'"{plain}{"…" if len(text) > max_chars else ""}"'

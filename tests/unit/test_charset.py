"""The text of a body (C11)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.charset import decoded

TEXT = "営業中"


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (b"text/html; charset=utf-8", TEXT.encode()),
        (b'text/html; Charset="Shift_JIS"', TEXT.encode("cp932")),
        (b"text/html; charset=x-sjis", TEXT.encode("cp932")),
        (b"text/html; charset=euc-jp", TEXT.encode("euc_jp")),
        (b"text/html", b'<html><head><meta charset="shift_jis">' + TEXT.encode("cp932")),
        (b"text/html", b'<meta http-equiv="Content-Type" content="text/html; charset=EUC-JP">' + TEXT.encode("euc_jp")),
        (b"text/html; charset=iso-8859-1", b"\xef\xbb\xbf" + TEXT.encode()),  # the mark outranks the header
        (b"", TEXT.encode("utf-16")),
        (b"text/html; charset=klingon", TEXT.encode()),
        (b"", TEXT.encode()),
    ],
)
def test_finds_the_charset(content_type: bytes, body: bytes) -> None:
    assert TEXT in decoded(content_type, body)


def test_latin_1_means_what_browsers_take_it_for() -> None:
    assert decoded(b"text/plain; charset=latin1", b"10 \x80") == "10 €"


@pytest.mark.parametrize("codec", ["punycode", "idna", "unicode_escape", "zip", "rot13", "undefined", "utf-7"])
def test_pythons_own_codecs_are_not_for_peers(codec: str) -> None:
    assert decoded(f"text/html; charset={codec}".encode(), b"a-b\\x41+AGE-") == "a-b\\x41+AGE-"


@given(st.binary(max_size=100), st.binary(max_size=300))
def test_never_raises(content_type: bytes, body: bytes) -> None:
    assert isinstance(decoded(content_type, body), str)

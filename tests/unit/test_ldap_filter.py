"""Filters of a directory's search: text (RFC 4515) to the wire, and back by a second reader."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap_reading import text_of

from probes.ldap_filter import MAX_CHARS, MAX_DEPTH, compiled, tlv

ATTRIBUTES = st.sampled_from(["uid", "cn", "mail", "objectClass", "2.5.4.3", "cn;lang-ja"])
VALUES = st.text(st.characters(exclude_characters="\\*()\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
ITEMS = st.one_of(
    st.builds("({}={})".format, ATTRIBUTES, VALUES),
    st.builds("({}>={})".format, ATTRIBUTES, VALUES),
    st.builds("({}<={})".format, ATTRIBUTES, VALUES),
    st.builds("({}~={})".format, ATTRIBUTES, VALUES),
    st.builds("({}=*)".format, ATTRIBUTES),
    st.builds("({}={}*{})".format, ATTRIBUTES, VALUES, VALUES),
    st.builds("({}=*{}*{}*)".format, ATTRIBUTES, VALUES, VALUES),
)
FILTERS = st.recursive(
    ITEMS,
    lambda inner: st.one_of(
        st.builds("(!{})".format, inner),
        st.builds(lambda sign, found: f"({sign}{''.join(found)})", st.sampled_from("&|"), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)


@given(FILTERS.filter(lambda text: len(text) <= MAX_CHARS))
def test_what_is_written_is_what_is_asked(text: str) -> None:
    assert text_of(compiled(text)) == text


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        ("(uid=watch)", "a30c 0403 756964 0405 7761746368"),
        ("(uid=*)", "87 03 756964"),
        (r"(cn=a\2ab\28)", "a30a 0402 636e 0404 612a6228"),
        ("(cn=a*b*c)", "a40f 0402 636e 3009 8001 61 8101 62 8201 63"),
        ("(!(cn=a))", "a209 a307 0402 636e 0401 61"),
        ("(&(cn=a)(cn=b))", "a012 a307 0402 636e 0401 61 a307 0402 636e 0401 62"),
        ("(cn=日)", "a309 0402 636e 0403 e697a5"),
    ],
)
def test_its_bytes(text: str, wire: str) -> None:
    assert compiled(text) == bytes.fromhex(wire)


@pytest.mark.parametrize(
    "text",
    [
        "", "uid=watch", "(uid=watch", "(uid=watch))", "(uid)", "(=watch)", "(u d=x)", "(&)", "(!)", "(!(a=b)(c=d))", "(uid=**)",
        "(uid=a(b)", r"(uid=\zz)", r"(uid=\2)", "(uid:=x)", "(uid=x)(cn=y)", "(" * 400,
        "(!" * 30 + "(a=b)" + ")" * 30, "(a=" + "b" * 500 + ")",
    ],
)  # fmt: skip
def test_what_is_no_filter_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="a search filter such as"):
        compiled(text)


@given(st.text("()&|!=*\\a<>~", max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        wire = compiled(text)
    except ValueError:
        return
    assert text_of(wire)


def test_long_values_have_long_lengths() -> None:
    assert tlv(0x04, b"x" * 300)[:4] == b"\x04\x82\x01\x2c"
    assert MAX_DEPTH < 100, "no filter of an inventory comes near Python's own limit"

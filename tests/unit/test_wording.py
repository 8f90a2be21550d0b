"""How values read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.model import Language
from domain.wording import TEXT_MAX, duration, minutes, moment, number, padded, plain, shown, width


@pytest.mark.parametrize(
    ("zone", "at_s", "ja", "en"),
    [
        ("Asia/Tokyo", 1_735_754_645.9, "2025-01-02(木) 03:04:05 +09:00", "Thu 2025-01-02 03:04:05 +09:00"),
        ("Asia/Kathmandu", 0, "1970-01-01(木) 05:30:00 +05:30", "Thu 1970-01-01 05:30:00 +05:30"),
        # the hour that a DST change repeats: only the offset tells the two apart
        ("Europe/Berlin", 1_729_989_000, "2024-10-27(日) 02:30:00 +02:00", "Sun 2024-10-27 02:30:00 +02:00"),
        ("Europe/Berlin", 1_729_992_600, "2024-10-27(日) 02:30:00 +01:00", "Sun 2024-10-27 02:30:00 +01:00"),
    ],
)
def test_a_time_shows_its_offset(zone: str, at_s: float, ja: str, en: str) -> None:
    """R7."""
    assert moment(at_s, zone, "ja") == ja
    assert moment(at_s, zone, "en") == en


@pytest.mark.parametrize(
    ("seconds", "ja", "en"),
    [
        (0.4, "0 秒", "0 s"),
        (40, "40 秒", "40 s"),
        (90, "1 分 30 秒", "1 min 30 s"),
        (900, "15 分", "15 min"),
        (3600, "1 時間", "1 h"),
        (7530, "2 時間 5 分", "2 h 5 min"),
        (-5, "0 秒", "0 s"),
    ],
)
def test_a_span(seconds: float, ja: str, en: str) -> None:
    assert (duration(seconds, "ja"), duration(seconds, "en")) == (ja, en)


@pytest.mark.parametrize(
    ("seconds", "ja", "en"), [(59.9, "1 分未満", "less than 1 min"), (60, "1 分", "1 min"), (7530, "125 分", "125 min")]
)
def test_how_long_it_has_lasted_is_told_in_minutes(seconds: float, ja: str, en: str) -> None:
    """R3."""
    assert (minutes(seconds, "ja"), minutes(seconds, "en")) == (ja, en)


@pytest.mark.parametrize(("value", "text"), [(24, "24"), (31.2, "31.2"), (90.0, "90"), (0.12345, "0.123"), ("full", "full")])
def test_a_number(value: str | float, text: str) -> None:
    assert number(value) == text


def test_columns_fit_in_a_fixed_width_font() -> None:
    assert {width(padded(title, 16)) for title in ("IP アドレス", "ホスト", "OS", "検知の条件")} == {16}


@given(st.text())
def test_plain_text_is_one_bounded_printable_line(text: str) -> None:
    said = plain(text)
    assert len(said.splitlines()) <= 1
    assert len(said) <= TEXT_MAX
    assert said == plain(said)
    said.encode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\r\nBcc: x", "a Bcc: x"),
        ("a\u202egnp.exe", "a gnp.exe"),
        ("a\u2028b\x00c\x1b[31m", "a b c [31m"),
        ("\ud800", ""),
        ("  株式会社　サンプル  ", "株式会社 サンプル"),
    ],
)
def test_plain_text(text: str, said: str) -> None:
    assert plain(text) == said


@pytest.mark.parametrize("language", ["ja", "en"])
def test_nothing_reads_as_a_dash(language: Language) -> None:
    assert {shown("detail", value, "UTC", language) for value in (None, "", ())} == {"—"}
    assert shown("acted", False, "UTC", language) != shown("acted", True, "UTC", language)

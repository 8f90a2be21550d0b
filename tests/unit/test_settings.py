"""What settings may be, and what is said where they can't."""

from pathlib import Path

import pytest

from engine.settings import Settings, SettingsError

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
URL = "must be a URL without query such as https://hikeshi.example.com"
ADDRESS = "must be an IP address or host name; the port is a setting of its own"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HIKESHI_PUBLIC_URL", "https://hikeshi.example.com/ack"),
        ("HIKESHI_PUBLIC_URL", "http://[2001:db8::1]:8080"),
        ("HIKESHI_PUBLIC_URL", ""),
        ("HIKESHI_INGRESS_BIND", "::"),
        ("HIKESHI_PREFECT_BIND", "localhost"),
        ("HIKESHI_SMTP_HOST", "mail.example.com"),
        ("HIKESHI_SMTP_HOST", "mail.example.com."),
        ("HIKESHI_OPERATOR", "first-line"),
        ("hikeshi_zone", "UTC"),
    ],
)
def test_what_is_right(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    Settings()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *(("PUBLIC_URL", wrong, URL) for wrong in ("hikeshi.example.com", "ftp://a.example", "https://", "https://a.example:0")),
        *(("PUBLIC_URL", wrong, URL) for wrong in ("https://a b", "https://a.example/?x=1", "https://a.example:x", "//a.example")),
        *(("PREFECT_BIND", wrong, ADDRESS) for wrong in ("0.0.0.0:4200", "http://127.0.0.1", "a b", "-a", "a..b", "[::1]")),
        ("INGRESS_BIND", "127.0.0.1:1", ADDRESS),
        ("SMTP_HOST", "mail.example.com:587", ADDRESS),
        ("LEASE_S", "nan", "must be a number from 1 to 900"),
        ("ORPHAN_S", "inf", "must be a number of 0 or more"),
        ("ZONE", "Mars/Base", "must be a time zone such as Asia/Tokyo or UTC"),
    ],
)
def test_what_is_wrong(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"HIKESHI_{name}", value)
    with pytest.raises(SettingsError) as told:
        Settings()
    assert str(told.value) == f'HIKESHI_{name}: {said} (got "{value}")'


def test_a_password_in_a_url_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIKESHI_PUBLIC_URL", "https://me:hunter2@a.example")
    with pytest.raises(SettingsError) as told:
        Settings()
    assert "hunter2" not in str(told.value)


def test_the_examples_of_the_page_are_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    example = PAGE.read_text(encoding="utf-8").split("```\n")[1]
    wrong = {"SMTP_PORT": "0", "PREFECT_BIND": "0.0.0.0:4200", "PUBLIC_URL": "hikeshi.example.com", "SMPT_HOST": "x"}
    for name, value in wrong.items():
        monkeypatch.setenv(f"HIKESHI_{name}", value)
    with pytest.raises(SettingsError) as told:
        Settings()
    assert f"{told.value}\n" == example


def test_a_name_like_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIKESHI_QQQ", "1")
    with pytest.raises(SettingsError, match=r"^HIKESHI_QQQ: is no setting, docs/settings.md lists all of them$"):
        Settings()


def test_an_ipv6_address_stands_in_brackets_in_a_url() -> None:
    settings = Settings(ingress_bind="::1", prefect_bind="2001:db8::1")
    assert (settings.ingress_url, settings.prefect_url) == ("http://[::1]:4280", "http://[2001:db8::1]:4200")

"""Options as operators write them: what is right, and what they are told."""

import pytest

from domain.model import Secret
from probes import option
from probes.option import Login, Url


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/", Url(False, None, 80, "/")),
        ("/health?deep=1#top", Url(False, None, 80, "/health?deep=1")),
        ("http://www.Example.com", Url(False, "www.example.com", 80, "/")),
        ("https://www.example.com?q", Url(True, "www.example.com", 443, "/?q")),
        ("https://[2001:DB8::1]:8443/a%20b", Url(True, "2001:db8::1", 8443, "/a%20b")),
    ],
)
def test_urls(written: str, read: Url) -> None:
    assert option.as_url(written) == read
    assert option.url(written) == written


@pytest.mark.parametrize(
    "written",
    [
        "www.example.com",
        "ftp://www.example.com/",
        "//www.example.com/",
        "http://",
        "http://a b/",
        "http://a..b/",
        f"http://{'a' * 64}/",
        "http://www.example.com:0/",
        "http://www.example.com:99999/",
        "http://[::1/",
        "http://www.example.com/\r\nX: y",
        "http://例え.jp/",
        "/" + "a" * 2000,
        80,
    ],
)
def test_what_is_no_url(written: object) -> None:
    with pytest.raises(ValueError, match=r"^a URL such as https://www.example.com/health"):
        option.url(written)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="they go into the option auth") as told:
        option.url("https://user:hunter2@www.example.com/")
    assert "hunter2" not in str(told.value)


def test_basic_auth_by_reference_only() -> None:
    written = {"user": "watch", "password": {"env": "PW"}}
    assert option.as_basic_auth(written) == Login("watch", Secret("env", "PW"))
    assert option.as_basic_auth({"user": "watch", "password": {"file": "/p"}}).password == Secret("file", "/p")
    for wrong in ({"user": "w", "password": "hunter2"}, {"user": "w", "password": {"env": "A", "file": "B"}}):
        with pytest.raises(ValueError, match="never the secret itself") as told:
            option.basic_auth(wrong)
        assert "hunter2" not in str(told.value)
    with pytest.raises(ValueError, match="the name has no colon"):
        option.basic_auth({"user": "a:b", "password": {"env": "PW"}})


def test_numbers_and_names() -> None:
    assert option.port(65535) == 65535
    for wrong in (0, 65536, True, "22", 22.0):
        with pytest.raises(ValueError, match="a whole number from 1 to 65535"):
            option.port(wrong)
    assert option.server_name("WWW.Example.com") == "www.example.com"
    for name in ("", "a b", "-" * 64, "a.", "a\n", "例え.jp", 5):
        with pytest.raises(ValueError, match="a host name such as"):
            option.server_name(name)


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (1_000_000, 10**6),
        ("1000000", 10**6),
        ("1 MB", 10**6),
        ("1MiB", 2**20),
        ("1.5 GiB", 3 * 2**29),
        ("10 GB", 10**10),
        ("1 TiB", 2**40),
    ],
)
def test_a_size(written: object, size: int) -> None:
    assert option.size(10**6, 10**15)(written) == size


@pytest.mark.parametrize("written", ["10", "1 PB", "GiB", "-1 GB", "1e9", "1 gib", "2000 TB", "1  GB", 1.5, True, None, "１ GB"])
def test_no_size(written: object) -> None:
    with pytest.raises(ValueError, match="a size such as 10 GiB or 500 MB, from 1 MB to 1000 TB"):
        option.size(10**6, 10**15)(written)

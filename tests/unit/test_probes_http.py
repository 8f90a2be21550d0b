"""HTTP checks without sockets (C11, C12): requests, redirects, bodies; h11 as the judge of what a response means."""

from base64 import b64encode

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_talk import EOF, Talk, in_pieces, look, talk

from domain.observation import Verdict, down, up
from probes.http_message import Malformed, Response, response
from probes.spec import Connect, Dialogue, Send, Tls


def answer(status: int, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} Words", *headers, "", ""]).encode("latin-1") + body


def said(done: Talk) -> tuple[Verdict, str]:
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.verdict, done.seen.detail


def requests(done: Talk) -> list[bytes]:
    return [wish.data for wish in done.wishes if isinstance(wish, Send)]


class TestRequest:
    def test_asks_the_hosts_address_for_the_urls_host(self) -> None:
        done = talk(look("http", {"url": "https://www.example.com:8443/a?b=c"}), [answer(200)])
        assert done.wishes[0] == Connect("192.0.2.1", 8443, Tls("www.example.com", verify=True))
        line, host, *_ = requests(done)[0].split(b"\r\n")
        assert line == b"GET /a?b=c HTTP/1.1"
        assert host == b"Host: www.example.com:8443"

    def test_a_path_is_asked_of_the_address_itself(self) -> None:
        done = talk(look("http", {"url": "/health"}, "2001:db8::1"), [answer(200)])
        assert done.wishes[0] == Connect("2001:db8::1", 80, None)
        assert requests(done)[0].startswith(b"GET /health HTTP/1.1\r\nHost: [2001:db8::1]\r\n")

    def test_a_server_name_replaces_the_urls_host(self) -> None:
        done = talk(look("http", {"url": "https://192.0.2.9/", "server_name": "www.example.com", "verify": False}), [answer(200)])
        assert done.wishes[0] == Connect("192.0.2.1", 443, Tls("www.example.com", verify=False))
        assert b"\r\nHost: www.example.com\r\n" in requests(done)[0]

    def test_basic_auth_by_reference(self) -> None:
        """RFC 7617; the secret is resolved when the look begins."""
        done = talk(look("http", {"auth": {"user": "watch", "password": {"env": "PW"}}}), [answer(200)])
        assert b"Authorization: Basic " + b64encode(b"watch:the secret PW") + b"\r\n" in requests(done)[0]
        assert "secret" not in said(done)[1]

    def test_h11_finds_the_request_in_order(self) -> None:
        server = h11.Connection(h11.SERVER)
        server.receive_data(requests(talk(look("http", {"url": "/x", "auth": {"user": "u", "password": {"env": "P"}}})))[0])
        request = server.next_event()
        assert isinstance(request, h11.Request)
        assert (request.method, request.target) == (b"GET", b"/x")
        assert isinstance(server.next_event(), h11.EndOfMessage)


class TestStatus:
    @pytest.mark.parametrize(
        ("options", "sent", "verdict", "words"),
        [
            ({}, answer(200), Verdict.UP, "status 200"),
            ({}, b"HTTP/1.0 200\r\n\r\n", Verdict.UP, "status 200"),
            ({}, b"HTTP/1.1 200 OK\nServer: bare\n\n", Verdict.UP, "status 200"),
            ({"status": 401}, answer(401), Verdict.UP, "status 401"),
            ({}, answer(503), Verdict.DOWN, "status 503, expected 200"),
            ({}, answer(103, "Link: x") + answer(200), Verdict.UP, "status 200"),
            ({}, answer(100) * 20, Verdict.DOWN, "sent 10 interim responses and no final one"),
            ({}, answer(101), Verdict.DOWN, "switched protocols without being asked to"),
            ({}, b"\x00\x01 nonsense\r\n", Verdict.DOWN, 'answered "?? nonsense", which is no HTTP/1 status line'),
            ({}, b"HTTP/1.1 2xx\r\n\r\n", Verdict.DOWN, 'answered "HTTP/1.1 2xx", which is no HTTP/1 status line'),
            ({}, answer(200, "no colon"), Verdict.DOWN, 'sent "no colon", which is no HTTP header'),
            ({}, answer(200, *["A: b"] * 300), Verdict.DOWN, "sent more than 200 headers"),
            ({}, answer(200, *["A: " + "b" * 9000] * 9), Verdict.DOWN, "sent more than 65536 bytes of headers"),
            ({}, b"HTTP/1.1 200 OK\r\nServer: x", Verdict.DOWN, "closed the connection before its HTTP header"),
        ],
    )
    def test_the_code_decides(self, options: dict[str, object], sent: bytes, verdict: Verdict, words: str) -> None:
        assert said(talk(look("http", options), [sent, EOF])) == (verdict, words)


class TestBody:
    def test_contains_text_in_the_responses_charset(self) -> None:
        for charset in ("utf-8", "Shift_JIS", "EUC-JP", "ISO-2022-JP"):
            sent = answer(200, f"Content-Type: text/html; charset={charset}", body="<p>営業中です</p>".encode(charset))
            assert said(talk(look("url", {"contains": "営業中"}), [sent, EOF])) == (Verdict.UP, "status 200"), charset

    def test_what_is_missing_is_named(self) -> None:
        sent = answer(500, "Content-Length: 4", body=b"oops")
        assert said(talk(look("url", {"contains": "営業中"}), [sent])) == (
            Verdict.DOWN,
            "the body does not contain '営業中'; status 500",
        )

    def test_only_the_first_mebibyte_is_read(self) -> None:
        sent = answer(200, body=b"." * 1_048_576 + b"needle")
        assert said(talk(look("url", {"contains": "needle"}), [sent])) == (
            Verdict.DOWN,
            "the first MiB of the body does not contain 'needle'; status 200",
        )

    def test_chunks(self) -> None:
        sent = answer(200, "Transfer-Encoding: chunked", body=b"3;x=y\r\nnee\r\n3\r\ndle\r\n0\r\n\r\n")
        assert said(talk(look("url", {"contains": "needle"}), [sent]))[0] is Verdict.UP

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            (answer(200, "Content-Length: 9", body=b"short"), "closed the connection before its body of 9 bytes"),
            (answer(200, "Content-Length: -1"), 'sent the content length "-1"'),
            (answer(200, "Content-Length: 1", "Content-Length: 2", body=b"xx"), 'sent the content length "1, 2"'),
            (answer(200, "Transfer-Encoding: chunked", body=b"zz\r\n"), 'sent "zz" as the size of a chunk'),
            (answer(200, "Transfer-Encoding: chunked", body=b"1\r\nab\r\n"), "sent a chunk longer than its size"),
            (answer(200, "Transfer-Encoding: chunked", body=b"1\r\nabcdef\r\n"), "its chunk end is longer than 2 bytes"),
            (answer(200, "Transfer-Encoding: chunked", body=b"1\r\na\r\n" * 30_000), "sent more than 20000 chunks"),
            (answer(200, "Transfer-Encoding: gzip"), 'sent its body in the transfer coding "gzip", which was not asked for'),
            (answer(200, "Content-Encoding: gzip"), 'the body is encoded as "gzip", which was not asked for'),
        ],
    )
    def test_lies_about_the_body_are_down(self, sent: bytes, words: str) -> None:
        assert said(talk(look("url", {"contains": "x"}), [sent, EOF])) == (Verdict.DOWN, words)


class TestRedirects:
    def test_within_the_same_name_is_followed_with_a_new_connection(self) -> None:
        done = talk(
            look("http", {"url": "http://www.example.com/", "redirects": 1}),
            [answer(301, "Location: https://www.example.com/login"), answer(200)],
        )
        assert [wish for wish in done.wishes if isinstance(wish, Connect)] == [
            Connect("192.0.2.1", 80, None),
            Connect("192.0.2.1", 443, Tls("www.example.com", verify=True)),
        ]
        assert requests(done)[1].startswith(b"GET /login HTTP/1.1")
        assert said(done)[0] is Verdict.UP

    @pytest.mark.parametrize(
        ("location", "why"),
        [
            ("https://evil.example.net/", "another host"),
            ("//evil.example.net/", "another host"),
            ("http://www.example.com/", "not encrypted"),
            ("https://user@www.example.com/", "not a URL"),
            ("gopher://www.example.com/", "not a URL"),
            ("https://www.example.com/\x7f", "not a URL"),
            ("https://[::1/", "not a URL"),
        ],
    )
    def test_nobody_sends_us_elsewhere(self, location: str, why: str) -> None:
        done = talk(look("http", {"url": "https://www.example.com/", "redirects": 5}), [answer(302, f"Location: {location}")])
        assert said(done)[0] is Verdict.DOWN
        assert said(done)[1].endswith(f": {why}")
        assert len(requests(done)) == 1

    def test_they_end(self) -> None:
        done = talk(look("http", {"redirects": 3}), [answer(302, "Location: /again")] * 9)
        assert said(done) == (Verdict.DOWN, 'status 302, expected 200; redirects to "/again": no redirect is left')
        assert len(requests(done)) == 4

    def test_a_redirect_may_be_what_is_expected(self) -> None:
        assert said(talk(look("http", {"status": 301}), [answer(301, "Location: https://elsewhere.example/")]))[0] is Verdict.UP


def ours(data: bytes) -> tuple[int, bytes]:
    """Status and body as our reader finds them in a response that comes whole."""
    found: list[Response] = []

    def reading() -> Dialogue:
        found.append((yield from response(1_048_576)))
        return up()

    talk(reading(), in_pieces(data, 1, 5, len(data) // 2))
    return found[0].status, found[0].body


def theirs(data: bytes) -> tuple[int, bytes]:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    client.receive_data(b"")
    status, body = 0, b""
    while not isinstance(event := client.next_event(), h11.EndOfMessage):
        status = event.status_code if isinstance(event, h11.Response) else status
        body += bytes(event.data) if isinstance(event, h11.Data) else b""
    return status, body


BODIES = st.binary(max_size=200)
NAMES = st.sampled_from(["Server", "X-Thing", "Set-Cookie", "ETag", "Vary"])
VALUES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=20)


@given(
    status=st.integers(200, 599),
    headers=st.lists(st.tuples(NAMES, VALUES), max_size=6),
    body=BODIES,
    framing=st.sampled_from(["length", "chunked", "close"]),
    pieces=st.lists(st.integers(1, 60), min_size=1, max_size=5),
)
def test_reads_every_well_formed_response_as_h11_does(
    status: int, headers: list[tuple[str, str]], body: bytes, framing: str, pieces: list[int]
) -> None:
    lines = [f"{name}: {value}" for name, value in headers]
    sent = body
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in _parts(body, pieces)) + b"0\r\n\r\n"
    data = answer(status, *lines, body=b"" if status in {204, 304} else sent)
    assert ours(data) == theirs(data)


def _parts(body: bytes, sizes: list[int]) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(body):
        size = sizes[len(found) % len(sizes)]
        found.append(body[at : at + size])
        at += size
    return found


@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_random_bytes_are_malformed_or_cut_short_and_nothing_else(data: bytes, cuts: list[int]) -> None:
    def reading() -> Dialogue:
        try:
            yield from response(1_048_576)
        except Malformed as error:
            return down(str(error))
        return up()

    assert talk(reading(), in_pieces(b"HTTP/1.1 200 OK\r\n" + data, *cuts)).seen is not None

"""What MySQL's handshake asks for, and what it gets, without sockets (C36)."""

from collections.abc import Iterable
from hashlib import sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_talk import Talk, look, talk

from domain.observation import Verdict
from probes.spec import StartTls

PASSWORD = b"the secret PW"
SALT = b"abcdefghijklmnopqrst"
CAN_TLS, OLD = b"\xff\xff", b"\xff\xf7"
OK = b"\0\0\0\2\0\0\0"


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


def greeting(plugin: bytes = b"mysql_native_password", low: bytes = OLD, salt: bytes = SALT) -> bytes:
    head = b"\n8.0.36\0" + b"\1\0\0\0" + salt[:8] + b"\0" + low + b"\x2d\2\0\xff\x81\x15" + bytes(10)
    return packet(0, head + salt[8:] + b"\0" + plugin + b"\0")


def native(salt: bytes) -> bytes:
    """SHA1(password) XOR SHA1(salt + SHA1(SHA1(password))): as a server checks it, which knows the inner hash only."""
    return sha1(salt + sha1(sha1(PASSWORD).digest()).digest()).digest()


def opened(pieces: Iterable[bytes], **options: object) -> Talk:
    login = {"user": "watch", "password": {"env": "PW"}}
    return talk(look("mysql", {"database": "shop", "login": login, **options}), pieces)


def verdict(done: Talk) -> tuple[Verdict | None, str]:
    return (done.seen.verdict, done.seen.detail) if done.seen is not None else (None, "")


def bodies(sent: bytes) -> list[tuple[int, bytes]]:
    found = []
    while sent:
        size = int.from_bytes(sent[:3], "little")
        found.append((sent[3], sent[4 : 4 + size]))
        sent = sent[4 + size :]
    return found


def test_the_database_is_opened_with_a_proof_of_the_password() -> None:
    done = opened([greeting(), packet(2, OK)])
    assert verdict(done) == (Verdict.UP, '"8.0.36"')
    (number, login), quit_ = bodies(done.sent)
    assert (number, quit_) == (1, (0, b"\1"))
    assert PASSWORD not in done.sent
    user, proof, rest = login[32:38], login[39:59], login[59:]
    assert (user, login[38], rest) == (b"watch\0", 20, b"shop\0mysql_native_password\0")
    once = bytes(a ^ b for a, b in zip(proof, native(SALT), strict=True))
    assert sha1(once).digest() == sha1(sha1(PASSWORD).digest()).digest(), "the server finds the hash it has"


def test_another_method_is_taken_up() -> None:
    switch = packet(2, b"\xfecaching_sha2_password\0" + SALT[::-1] + b"\0")
    done = opened([greeting(), switch, packet(4, b"\1\3"), packet(5, OK)])
    assert verdict(done)[0] is Verdict.UP
    number, proof = bodies(done.sent)[1]
    once = bytes(
        a ^ b for a, b in zip(proof, sha256(sha256(sha256(PASSWORD).digest()).digest() + SALT[::-1]).digest(), strict=True)
    )
    assert (number, once) == (3, sha256(PASSWORD).digest())


@pytest.mark.parametrize("method", [b"mysql_clear_password", b"dialog", b"client_ed25519", b""])
def test_a_method_that_is_no_proof_gets_nothing(method: bytes) -> None:
    done = opened([greeting(), packet(2, b"\xfe" + method + b"\0" + SALT)])
    assert verdict(done)[0] is Verdict.DOWN
    assert PASSWORD not in done.sent


@pytest.mark.parametrize(("tls", "shown"), [("none", False), ("required", False), ("verified", True)])
def test_the_password_itself_goes_only_where_the_certificate_is_right(tls: str, shown: bool) -> None:
    answers = [greeting(b"caching_sha2_password", CAN_TLS), packet(2, b"\1\4"), packet(4, OK)]
    done = opened(answers, tls=tls, server_name="db.example.com")
    assert (verdict(done)[0] is Verdict.UP, PASSWORD in done.sent) == (shown, shown)
    wishes = [wish.tls for wish in done.wishes if isinstance(wish, StartTls)]
    assert [wish.verify for wish in wishes] == ([] if tls == "none" else [tls == "verified"])


def test_a_server_without_tls_is_not_told_the_login_where_tls_is_wanted() -> None:
    done = opened([greeting()], tls="required")
    assert (verdict(done), done.sent) == ((Verdict.DOWN, "offers no TLS"), b"")


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ([packet(0, b"\xff\x10\x04Too many connections")], 'refused with "Too many connections"'),
        ([packet(0, b"\xff\x6a\x04#HY000Host is blocked")], 'refused with "Host is blocked"'),
        ([greeting(), packet(2, b"\xff\x15\x04#28000Access denied for the secret PW")], 'the login with "Access denied for ***"'),
        ([greeting(), packet(2, b"\xff\x19\x04#42000Unknown database")], 'refused the login with "Unknown database"'),
        ([b"SSH-2.0-x\r\n" + bytes(60)], "longer than"),
        ([packet(0, b"HTTP/1.1 400 Bad Request")], "instead of MySQL's handshake"),
        ([packet(0, b"\n8.0\0short")], "instead of MySQL's handshake"),
        ([greeting(), *(packet(2, b"\1\3") for _ in range(9))], "did not come to an end"),
        ([greeting(), packet(2, b"what")], "to the login"),
        ([greeting(), b""], "closed the connection"),
    ],
)
def test_whatever_else_it_says_is_down(pieces: list[bytes], words: str) -> None:
    seen = verdict(opened(pieces))
    assert (seen[0], words in seen[1]) == (Verdict.DOWN, True), seen


@given(st.lists(st.binary(max_size=80), max_size=6), st.sampled_from(["none", "required", "verified"]))
def test_no_packets_break_it(packets: list[bytes], tls: str) -> None:
    framed = [packet(number * 2, body) for number, body in enumerate(packets)]
    done = opened([greeting(b"caching_sha2_password", CAN_TLS), *framed, b""], tls=tls)
    assert done.seen is not None
    assert done.seen.verdict in {Verdict.UP, Verdict.DOWN}
    assert tls == "verified" or PASSWORD not in done.sent


def sized(pieces: Iterable[bytes]) -> Talk:
    login = {"user": "watch", "password": {"env": "PW"}}
    return talk(look("dbsize", {"system": "mysql", "allowance": "1000 MB", "database": "shop", "login": login}), pieces)


END = b"\xfe\0\0\2\0"
IN = [greeting(), packet(2, OK)]


def row(*cells: bytes) -> bytes:
    return b"".join(bytes([len(cell)]) + cell for cell in cells)


def table(cells: bytes, columns: int = 2) -> list[bytes]:
    bodies = [bytes([columns]), *(b"\3def" for _ in range(columns)), END, cells, END]
    return [packet(number + 1, body) for number, body in enumerate(bodies)]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (table(row(b"3", b"899000000")), (Verdict.UP, "shop: 0.84 of 0.93 GiB")),
        (table(row(b"3", b"900000000")), (Verdict.DOWN, "shop: 0.84 of 0.93 GiB")),
        (table(row(b"3", b"99999999999999999999999")), (Verdict.DOWN, "answered something else than the size of its tables")),
        (table(row(b"3")), (Verdict.DOWN, "answered something else than a row to the question")),
        (table(row(b"3", b"-1")), (Verdict.DOWN, "answered something else than the size of its tables")),
        (table(b"\xfb\xfb"), (Verdict.DOWN, "answered something else than a row to the question")),
        (table(b"\5ab"), (Verdict.DOWN, "answered something else than a row to the question")),
        ([packet(1, OK)], (Verdict.DOWN, "answered something else than the size of its tables")),
        ([packet(1, b"\xff\x6a\x04#42000no the secret PW")], (Verdict.DOWN, 'refused the question with "no ***"')),
        ([packet(1, b"\xfb")], (Verdict.DOWN, 'answered "?" to the question')),
        (
            [*table(b"")[:-2], packet(5, b"\xff\x6a\x04killed"), packet(6, END)],
            (Verdict.DOWN, 'refused the question with "killed"'),
        ),
    ],
)
def test_what_is_answered_about_the_size(answer: list[bytes], seen: tuple[Verdict, str]) -> None:  # C39
    done = sized([*IN, packet(1, OK), *answer])
    assert verdict(done) == seen
    asked = [body[1:] for _, body in bodies(done.sent) if body[:1] == b"\3"]
    assert [question.split()[0] for question in asked] == [b"SET", b"SELECT"]


@given(st.lists(st.binary(max_size=80), max_size=9))
def test_no_answer_about_the_size_breaks_it(packets: list[bytes]) -> None:
    done = sized([*IN, *(packet(number + 1, body) for number, body in enumerate(packets)), b""])
    assert done.seen is not None
    assert len(done.seen.detail) <= 200
    assert done.seen.detail.isprintable()

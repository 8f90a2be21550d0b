"""What the kinds that greet and let an account log in say, and make of each answer, without sockets (C28-C31)."""

from base64 import b64encode
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from probe_talk import EOF, Talk, secret, start, talk
from probe_talk import look as started

from domain.model import Secret
from domain.observation import Verdict
from probes import PROBES, option
from probes.spec import Connect, Dialogue, Send, StartTls, Target, Tls

LOGIN: dict[str, object] = {"login": {"user": "watch", "password": {"env": "PW"}}}
PASSWORD = secret(Secret("env", "PW"))
USER64, PASSWORD64 = (b64encode(part.encode()) for part in ("watch", PASSWORD))
CLEAR: dict[str, object] = {**LOGIN, "tls": "none"}
EHLO = b"EHLO [127.0.0.1]\r\n"

GREETS = {
    "smtp": (25, b"220 mail.example ESMTP\r\n"),
    "pop3": (110, b"+OK ready\r\n"),
    "imap": (143, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    "ftp": (21, b"220 (vsFTPd 3.0.3)\r\n"),
}
LOGS_IN: dict[str, tuple[list[bytes], bytes]] = {
    "smtp": (
        [b"250-mail\r\n250 AUTH LOGIN\r\n", b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n", b"235 2.7.0 ok\r\n"],
        EHLO + b"AUTH LOGIN\r\n" + USER64 + b"\r\n" + PASSWORD64 + b"\r\n",
    ),
    "pop3": ([b"+OK\r\n", b"+OK Logged in.\r\n"], f"USER watch\r\nPASS {PASSWORD}\r\n".encode()),
    "imap": (
        [b"+ OK\r\n", b"+ OK\r\n", b"* CAPABILITY IMAP4rev1\r\nb OK Logged in\r\n"],
        f"b LOGIN {{5}}\r\nwatch {{{len(PASSWORD)}}}\r\n{PASSWORD}\r\n".encode(),
    ),
    "ftp": ([b"331 Please specify the password.\r\n", b"230-Welcome\r\n 230 not yet\r\n230 Login successful.\r\n"],
            f"USER watch\r\nPASS {PASSWORD}\r\n".encode()),
}  # fmt: skip
"""What a healthy server answers to a login, and what was said to it."""
UPGRADES = {
    "smtp": ([b"250 mail\r\n", b"220 go\r\n"], EHLO + b"STARTTLS\r\n"),
    "pop3": ([b"+OK begin\r\n"], b"STLS\r\n"),
    "imap": ([b"* NO not that\r\na OK begin\r\n"], b"a STARTTLS\r\n"),
    "ftp": ([b"234 go\r\n"], b"AUTH TLS\r\n"),
}
KINDS = pytest.mark.parametrize("kind", GREETS)


def played(kind: str, given: Mapping[str, object], *answers: bytes) -> Talk:
    return talk(started(kind, given), [GREETS[kind][1], *answers])


def verdict(done: Talk) -> Verdict:
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.verdict


def detail(done: Talk) -> str:
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.detail


@KINDS
class TestGreeting:
    def test_is_up_and_its_evidence(self, kind: str) -> None:
        port, greeting = GREETS[kind]
        done = played(kind, {})
        assert done.wishes[0] == Connect("192.0.2.1", port, None)
        assert (verdict(done), done.sent) == (Verdict.UP, b"")
        assert detail(done) == f'"{greeting.strip().decode()}"'

    def test_of_several_lines(self, kind: str) -> None:
        code = GREETS[kind][1][:3]
        several = code + b"-one\r\n" + code + b" two\r\n" if kind in ("smtp", "ftp") else GREETS[kind][1]
        assert verdict(talk(started(kind, {}), [several])) is Verdict.UP

    @pytest.mark.parametrize("said", [b"554 go away\r\n", b"-ERR busy\r\n", b"* BYE busy\r\n", b"SSH-2.0-OpenSSH\r\n", b"\r\n"])
    def test_anything_else_is_down(self, kind: str, said: bytes) -> None:
        done = talk(started(kind, {}), [said])
        assert verdict(done) is Verdict.DOWN
        assert detail(done).startswith(f'greets with "{said.strip().decode()}" instead of ')

    def test_half_of_it_is_down(self, kind: str) -> None:
        assert verdict(talk(started(kind, {}), [GREETS[kind][1][:3], EOF])) is Verdict.DOWN


@KINDS
class TestLogin:
    def test_that_is_accepted_is_up(self, kind: str) -> None:
        answers, sent = LOGS_IN[kind]
        done = played(kind, CLEAR, *answers)
        assert (verdict(done), done.sent) == (Verdict.UP, sent)

    def test_that_is_refused_at_any_point_is_down_and_its_password_is_in_no_detail(self, kind: str) -> None:
        """Neither plain nor as AUTH LOGIN sends it."""
        answers, _ = LOGS_IN[kind]
        coded = PASSWORD64.decode()
        said = {"smtp": "535 no {} {}", "pop3": "-ERR no {} {}", "imap": "b NO {} {}", "ftp": "530 no {} {}"}[kind]
        no = said.format(PASSWORD, coded).encode()
        for asked in range(len(answers)):
            done = played(kind, CLEAR, *answers[:asked], no + b"\r\n")
            assert verdict(done) is Verdict.DOWN
            assert PASSWORD not in detail(done)
            assert coded not in detail(done)
            assert "***" in detail(done)

    def test_goes_over_tls_unless_the_inventory_says_none(self, kind: str) -> None:
        """And only to who has a valid certificate."""
        answers, sent = UPGRADES[kind]
        done = played(kind, LOGIN, *answers, *LOGS_IN[kind][0])
        assert (verdict(done), done.sent) == (Verdict.UP, sent + LOGS_IN[kind][1])
        upgraded = done.wishes.index(StartTls(Tls("192.0.2.1", verify=True)))
        assert not any(isinstance(wish, Send) and b"watch" in wish.data for wish in done.wishes[:upgraded])

    def test_is_sent_to_nobody_who_does_not_upgrade(self, kind: str) -> None:
        no = {"smtp": b"502 what\r\n", "pop3": b"-ERR what\r\n", "imap": b"a BAD what\r\n", "ftp": b"530 what\r\n"}[kind]
        done = played(kind, LOGIN, *UPGRADES[kind][0][:-1], no)
        assert verdict(done) is Verdict.DOWN
        assert USER64 not in done.sent
        assert b"watch" not in done.sent

    @pytest.mark.parametrize("password", ["", "a\r\nQUIT", "a\0", "\x7f"])
    def test_whose_password_no_line_can_carry_is_not_judged(self, kind: str, password: str) -> None:
        done = talk(_with(kind, password))
        assert (verdict(done), done.wishes) == (Verdict.UNKNOWN, [])
        assert "no login can carry" in detail(done)

    @given(password=st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40))
    def test_no_password_becomes_a_command(self, kind: str, password: str) -> None:
        answers, _ = LOGS_IN[kind]
        done = talk(_with(kind, password), [GREETS[kind][1], *answers])
        assert verdict(done) is Verdict.UP
        assert done.sent.count(b"\r\n") == LOGS_IN[kind][1].count(b"\r\n") == done.sent.count(b"\n")


def _with(kind: str, password: str) -> Dialogue:
    spec = PROBES[kind]
    parsed = {name: spec.options[name].parse(value) for name, value in CLEAR.items()}
    return start(spec, Target("192.0.2.1", spec.complete(parsed), lambda _: password))


@pytest.mark.parametrize(
    ("kind", "port", "how"),
    [
        ("smtp", 465, "implicit"),
        ("smtp", 587, "starttls"),
        ("pop3", 995, "implicit"),
        ("imap", 993, "implicit"),
        ("ftp", 990, "implicit"),
    ],
)
def test_tls_where_the_port_implies_it(kind: str, port: int, how: str) -> None:
    """C13; without a name to expect or a password to lose, any certificate is accepted."""
    done = talk(started(kind, {"port": port}), [GREETS[kind][1], *UPGRADES[kind][0]])
    tls = Tls("192.0.2.1", verify=False)
    assert done.wishes[0] == Connect("192.0.2.1", port, tls if how == "implicit" else None)
    assert (StartTls(tls) in done.wishes) is (how == "starttls")
    assert verdict(done) is Verdict.UP


@KINDS
def test_whose_certificate_is_judged(kind: str) -> None:
    def tls(**given: object) -> Tls | None:
        wish = talk(started(kind, {"tls": "implicit", **given})).wishes[0]
        assert isinstance(wish, Connect)
        return wish.tls

    assert tls(server_name="Mail.Example.com", ca_file="/ca.pem") == Tls("mail.example.com", True, "/ca.pem")
    assert tls(**LOGIN) == Tls("192.0.2.1", True)
    assert tls(**LOGIN, verify=False) == Tls("192.0.2.1", False)


def test_no_anonymous_login() -> None:
    """C31."""
    for user in ("anonymous", "FTP"):
        with pytest.raises(ValueError, match="not an anonymous one"):
            PROBES["ftp"].options["login"].parse({"user": user, "password": {"env": "PW"}})


def test_a_login_by_reference_only() -> None:
    assert option.login({"user": "a:b@example", "password": {"file": "/p"}}) == {"user": "a:b@example", "password": {"file": "/p"}}
    for wrong in ({"user": "a\nb", "password": {"env": "PW"}}, {"user": "", "password": {"env": "PW"}}, {"user": "a"}, None):
        with pytest.raises(ValueError, match="user: NAME, password"):
            option.login(wrong)
    with pytest.raises(ValueError, match="never the secret itself"):
        option.login({"user": "a", "password": "hunter2"})


def test_endless_untagged_lines_are_no_answer() -> None:
    done = played("imap", CLEAR, b"* OK still\r\n" * 60)
    assert verdict(done) is Verdict.DOWN

"""Logging in, against a real sshd: whom we trust, what we show, and how a command that goes wrong is told."""

import contextlib
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_ssh import SshServer, host_at
from hand_clock import HandClock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bed.host import make_key
from bed.process import free_port, run, wait_for
from domain.model import Secret
from remediation import CannotReach, Connection, Target, open_connection, ssh


@pytest.fixture
def connection(sshd_server: SshServer) -> Iterator[Connection]:
    with contextlib.closing(open_connection(sshd_server.target())) as opened:
        yield opened


def refusal(target: Target) -> str:
    with pytest.raises(CannotReach) as raised:
        open_connection(target)
    return str(raised.value)


# -- whom we trust


def test_a_pinned_host_key_is_accepted(connection: Connection) -> None:
    assert connection.run(["echo", "hello"], 10).stdout == "hello\n"


def test_another_host_key_is_refused_and_named(sshd_server: SshServer, tmp_path: Path) -> None:
    shown = run(["ssh-keygen", "-l", "-f", str(sshd_server.folder / "host_ed25519.pub")]).split()[1]
    detail = refusal(sshd_server.target(make_key(tmp_path / "other")))
    assert detail == f"host key mismatch: the host shows ssh-ed25519 {shown}, which is not pinned"
    assert sshd_server.commands() == []


def test_a_host_without_a_pinned_key_is_refused(sshd_server: SshServer) -> None:
    target = sshd_server.target()
    assert target.host.ssh is not None
    bare = replace(target, host=replace(target.host, ssh=replace(target.host.ssh, host_keys=())))
    assert refusal(bare) == "no host key is pinned, so no host can be trusted"


def test_a_key_type_that_the_host_does_not_have_is_a_mismatch(make_sshd: Callable[..., SshServer]) -> None:
    rsa_pinned = make_sshd("rsa").host_keys["rsa"]
    assert refusal(make_sshd("ed25519").target(rsa_pinned)).startswith("host key mismatch")


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_any_one_of_the_hosts_keys_can_be_pinned(make_sshd: Callable[..., SshServer], kind: str) -> None:
    server = make_sshd("ed25519", "ecdsa", "rsa")
    with contextlib.closing(open_connection(server.target(server.host_keys[kind]))) as opened:
        assert opened.run(["true"], 10).exit_status == 0


def test_of_several_pinned_keys_any_may_match(make_sshd: Callable[..., SshServer], tmp_path: Path) -> None:
    """A key that is being exchanged is pinned beside the old one, also where both are of one type."""
    server = make_sshd("ed25519", "rsa")
    older, newer = make_key(tmp_path / "older"), server.host_keys["ed25519"]
    for pinned in ((older, newer), (newer, older)):
        with contextlib.closing(open_connection(server.target(*pinned))) as opened:
            assert opened.run(["true"], 10).exit_status == 0


@pytest.mark.parametrize("text", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 ???", "nonsense AAAA", "ssh-rsa AAAA"])
def test_an_unreadable_pinned_key_trusts_nobody(sshd_server: SshServer, text: str) -> None:
    assert "pinned host key is not readable" in refusal(sshd_server.target(text))


# -- what we show


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_each_kind_log_in(sshd_server: SshServer, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "mine"
    run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)])
    (sshd_server.folder / "authorized_keys").write_text(path.with_suffix(".pub").read_text())
    text = path.read_text().removesuffix("\n")  # as a secret is handed over
    with contextlib.closing(open_connection(sshd_server.target(resolve=lambda _: text))) as opened:
        assert opened.run(["true"], 10).exit_status == 0


def test_a_refused_key_says_for_whom(sshd_server: SshServer, tmp_path: Path) -> None:
    make_key(tmp_path / "stranger")
    detail = refusal(sshd_server.target(resolve=lambda _: (tmp_path / "stranger").read_text()))
    assert detail.startswith("login refused: the host doesn't accept this key for user ")


def no_such_secret(secret: Secret) -> str:
    raise LookupError(f"environment variable {secret.name} is not set")


def test_a_key_that_is_not_to_be_had_is_named(sshd_server: SshServer) -> None:
    assert refusal(sshd_server.target(resolve=no_such_secret)) == (
        "the private key (file recovery) is not to be had: environment variable recovery is not set"
    )


def test_a_key_that_is_none_is_not_shown(sshd_server: SshServer) -> None:
    for text in ("hunter2", "", "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n"):
        detail = refusal(sshd_server.target(resolve=lambda _, text=text: text))  # type: ignore[misc] # mypy and default arguments
        assert detail == "the private key (file recovery) is no ed25519, ecdsa or rsa key"


def test_a_key_with_a_passphrase_is_refused(sshd_server: SshServer, tmp_path: Path) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "correct horse", "-f", str(tmp_path / "locked")])
    detail = refusal(sshd_server.target(resolve=lambda _: (tmp_path / "locked").read_text()))
    assert detail == "the private key (file recovery) has a passphrase; a key for machines has none"


def test_nothing_of_the_users_own_configuration_counts(
    sshd_server: SshServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A key in ~/.ssh, a ~/.ssh/config, a ~/.fabric.yaml, FABRIC_… and an agent that would all let us in, or lead us astray."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    shutil.copy(sshd_server.client_key, home / ".ssh" / "id_ed25519")
    (home / ".ssh" / "config").write_text("Host *\n  HostName 127.0.0.2\n  ForwardAgent yes\n  ProxyCommand false\n")
    (home / ".fabric.yaml").write_text("gateway: 'false'\nforward_agent: true\nconnect_kwargs:\n  look_for_keys: true\n")
    agent = socket.socket(socket.AF_UNIX)
    agent.bind(str(tmp_path / "agent"))
    agent.listen()
    agent.setblocking(False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    monkeypatch.setenv("FABRIC_RUN_ECHO", "1")
    make_key(tmp_path / "stranger")
    assert "login refused" in refusal(sshd_server.target(resolve=lambda _: (tmp_path / "stranger").read_text()))
    with contextlib.closing(open_connection(sshd_server.target())) as opened:
        assert opened.run(["sh", "-c", "echo ${SSH_AUTH_SOCK-none}"], 10).stdout == "none\n"
    with agent, pytest.raises(BlockingIOError):
        agent.accept()
    assert capfd.readouterr() == ("", "")


def test_nothing_of_our_environment_reaches_the_host(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIKESHI_SECRET", "hunter2")
    assert "hunter2" not in connection.run(["env"], 10).stdout


# -- what doesn't answer


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[[int], Target]:
    """A target at this port of 127.0.0.1, with good keys in the inventory."""
    pinned = make_key(tmp_path / "pinned")
    return lambda port: Target(host_at("127.0.0.1", port, (pinned,)), lambda _: (tmp_path / "pinned").read_text(), HandClock())


def test_a_closed_port_cannot_be_reached(stranger: Callable[[int], Target]) -> None:
    port = free_port()
    target = stranger(port)
    assert refusal(target) == f"no connection to port {port}: connection refused"


def test_a_host_without_ssh_in_the_inventory_cannot_be_reached(stranger: Callable[[int], Target]) -> None:
    target = stranger(22)
    assert refusal(replace(target, host=replace(target.host, ssh=None))) == "the inventory says nothing about ssh on this host"


@pytest.mark.parametrize("greeting", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\ngarbage" * 9])
def test_what_is_no_ssh_server_is_given_up(
    greeting: bytes | None, stranger: Callable[[int], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``None``: says nothing at all; empty: closes at once."""
    monkeypatch.setattr(ssh, "CONNECT_TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        held: list[socket.socket] = []

        def serve() -> None:
            peer, _ = server.accept()
            held.append(peer)
            with contextlib.suppress(OSError):  # hung up on
                if greeting is not None:
                    peer.sendall(greeting)
                    peer.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=serve)
        thread.start()
        detail = refusal(stranger(port))
        thread.join()
        for peer in held:
            peer.close()
    assert detail.startswith((f"no SSH session on port {port}: ", f"no connection to port {port}: "))


# -- commands


def test_exit_status_and_both_outputs_come_back(connection: Connection) -> None:
    ran = connection.run(["sh", "-c", "echo out; echo err >&2; exit 7"], 10)
    assert (ran.exit_status, ran.stdout, ran.stderr, ran.detail) == (7, "out\n", "err\n", "")


def test_a_command_that_is_not_there_is_127(connection: Connection) -> None:
    assert connection.run(["no-such-program"], 10).exit_status == 127


def test_a_command_that_a_signal_ends_has_no_exit_status(connection: Connection) -> None:
    ran = connection.run(["sh", "-c", "kill -9 $$"], 10)
    assert (ran.exit_status, ran.detail) == (None, "connection lost, or ended by a signal")


def test_a_command_reads_nothing_and_has_no_terminal(connection: Connection) -> None:
    ran = connection.run(["sh", "-c", "cat; tty"], 10)
    assert ran.stdout == "not a tty\n"


def test_a_command_that_never_ends_is_left_alone_in_time(connection: Connection) -> None:
    ran = connection.run(["sh", "-c", "echo begun; exec sleep 600"], 0.5)
    assert (ran.exit_status, ran.stdout, ran.detail) == (None, "begun\n", "no end within 0.5 s; it may go on")
    assert connection.run(["echo", "next"], 10).stdout == "next\n"


def test_output_beyond_the_bound_is_dropped_and_the_command_ends(connection: Connection) -> None:
    ran = connection.run(
        ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; head -c 300000 /dev/zero | tr '\\0' y >&2; exit 3"], 30
    )
    assert (ran.exit_status, ran.stdout, ran.stderr) == (3, "x" * ssh.MAX_OUTPUT_BYTES, "y" * ssh.MAX_OUTPUT_BYTES)


def test_endless_output_is_bounded_too(connection: Connection) -> None:
    ran = connection.run(["yes"], 0.5)
    assert ran.exit_status is None
    assert len(ran.stdout) == ssh.MAX_OUTPUT_BYTES


def test_bytes_that_are_no_text_come_back_replaced(connection: Connection) -> None:
    assert connection.run(["printf", r"\377\344\275\240"], 10).stdout == "\N{REPLACEMENT CHARACTER}你"


def test_a_connection_cut_in_the_middle_is_not_known_to_have_ended(sshd_server: SshServer, tmp_path: Path) -> None:
    """The command goes on at the host."""
    done = tmp_path / "done"
    sshd_server.script("cut", f'trap "" HUP PIPE; kill -9 "$1"; sleep 0.3; touch {done}')
    with contextlib.closing(open_connection(sshd_server.target())) as opened:
        ran = opened.run(["cut", _session_of(opened)], 10)
        assert ran.exit_status is None
        assert ran.detail.startswith("connection lost")
        wait_for(done.exists, "the command to go on", 10)
        again = opened.run(["true"], 10)
        assert (again.exit_status, again.sent, again.detail) == (None, False, "connection lost before the command was sent")


def _session_of(opened: Connection) -> str:
    """The sshd process that serves this login: the nearest one above a command."""
    walk = """p=$$; until grep -q '^sshd' /proc/$p/comm; do p=$(awk '{print $4}' /proc/$p/stat); done; echo $p"""
    return opened.run(["sh", "-c", walk], 10).stdout.strip()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30), max_size=40))
def test_every_argument_arrives_as_it_was_given(sshd_server: SshServer, connection: Connection, arguments: list[str]) -> None:
    if not (sshd_server.bin / "argv").exists():
        sshd_server.script("argv", "for argument; do printf '%s\\0' \"$argument\"; done")
    ran = connection.run(["argv", *arguments], 10)
    assert ran.stdout == "".join(f"{argument}\0" for argument in arguments)


def test_a_nul_byte_cannot_be_sent(connection: Connection) -> None:
    with pytest.raises(ValueError, match="NUL"):
        connection.run(["echo", "a\0b"], 10)


def test_only_a_login_imports_fabric() -> None:
    """The engine asks what actions there are, and must not pay 33 MB for it."""
    code = "import sys, remediation; sys.exit(bool({'fabric', 'paramiko', 'invoke'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0

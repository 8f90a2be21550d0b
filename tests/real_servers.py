"""Real servers that a test starts for itself, on free ports of both loopbacks: nginx (http, https), sshd, Dovecot."""

import datetime
import grp
import ipaddress
import os
import pwd
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

START_S = 60.0
PASSWORD = "the secret PW"


@dataclass(frozen=True)
class Certificates:
    """``ca`` signed ``good`` (www.example.com and both loopbacks), ``expired``, ``other`` (another name) and ``lasting``, for a
    month instead of nine days. Each file holds its key as well."""

    ca: Path
    good: Path
    expired: Path
    other: Path
    lasting: Path


def certificates(folder: Path) -> Certificates:
    key = ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    now = datetime.datetime.now(datetime.UTC)

    def signed(file: str, names: list[str], ends: datetime.datetime, ca: bool = False) -> Path:
        own = key if ca else ec.generate_private_key(ec.SECP256R1())
        alternatives = [_alternative(name) for name in names]
        made = (
            x509.CertificateBuilder()
            .subject_name(authority if ca else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(authority)
            .public_key(own.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(key, hashes.SHA256())
        )
        plain_key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path = folder / file
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + plain_key)
        return path

    later = now + datetime.timedelta(days=9)
    return Certificates(
        ca=signed("ca.pem", ["ca.example.com"], later, ca=True),
        good=signed("good.pem", ["www.example.com", "127.0.0.1", "::1"], later),
        expired=signed("expired.pem", ["www.example.com"], now - datetime.timedelta(days=1)),
        other=signed("other.pem", ["mail.example.net"], later),
        lasting=signed("lasting.pem", ["www.example.com"], now + datetime.timedelta(days=30)),
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def server_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@dataclass(frozen=True)
class Ports:
    http: int
    https: int
    expired: int
    other: int


@contextmanager
def nginx(folder: Path, certs: Certificates) -> Iterator[Ports]:
    """nginx on both loopbacks; ``/`` says 営業中 in UTF-8, ``/sjis`` in Shift_JIS, ``/secret`` wants ``PASSWORD``, ``/moved`` leads
    to ``/``, and ``/away`` to another host."""
    ports = Ports(*free_ports(4))
    (folder / "www").mkdir()
    (folder / "www/index.html").write_text("<p>営業中</p>", encoding="utf-8")
    (folder / "www/sjis").write_bytes("<p>営業中</p>".encode("cp932"))
    (folder / "www/secret").write_text("let in")
    (folder / "passwd").write_text(f"u:{{PLAIN}}{PASSWORD}\n")
    (folder / "nginx.conf").write_text(_nginx_conf(folder, ports, certs))
    with running(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")], ports.http):
        yield ports


def _nginx_conf(folder: Path, ports: Ports, certs: Certificates) -> str:
    def listen(port: int, more: str = "") -> str:
        return f"listen 127.0.0.1:{port}{more}; listen [::1]:{port}{more};"

    def tls(port: int, certificate: Path) -> str:
        files = f"ssl_certificate {certificate}; ssl_certificate_key {certificate};"
        return f"server {{ {listen(port, ' ssl')} server_name www.example.com; {files} root {folder}/www; }}"

    user = "user root;" if os.geteuid() == 0 else ""
    temporary = " ".join(f"{kind}_temp_path {folder}/tmp;" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; {temporary}
server {{ {listen(ports.http)} root {folder}/www; charset utf-8; chunked_transfer_encoding on; default_type text/html;
  location = /sjis {{ charset off; default_type "text/html; charset=Shift_JIS"; }}
  location = /secret {{ auth_basic x; auth_basic_user_file {folder}/passwd; }}
  location = /moved {{ absolute_redirect off; return 302 /; }}
  location = /away {{ return 302 https://elsewhere.example.net/; }} }}
{tls(ports.https, certs.good)} {tls(ports.expired, certs.expired)} {tls(ports.other, certs.other)}
}}"""


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """A real sshd on a free port of both loopbacks, with a key of its own; nobody can log in."""
    (port,) = free_ports(1)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "key")], check=True)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nListenAddress ::1\nHostKey {folder}/key\nPidFile none\nUsePAM no\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd as root insists on it
    with running(["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")], port):
        yield port


@dataclass(frozen=True)
class MailPorts:
    imap: int
    imaps: int
    pop3: int
    pop3s: int


@contextmanager
def dovecot(certs: Certificates) -> Iterator[MailPorts]:
    """Dovecot with one account, ``u`` and ``PASSWORD``. Its processes refuse to be root: there they are nobody's."""
    ports = MailPorts(*free_ports(4))
    with tempfile.TemporaryDirectory(prefix="dovecot-") as name:
        folder = Path(name)
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        (folder / "users").write_text(f"u:{{PLAIN}}{PASSWORD}\n")
        (folder / "good.pem").write_bytes(certs.good.read_bytes())
        (folder / "dovecot.conf").write_text(_dovecot_conf(folder, ports, user))
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"] if os.geteuid() == 0 else []
        for path in (folder, *folder.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)
        argv = [*as_user, "/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")]
        with running(argv, ports.imap, lambda _: all(map(_listens, astuple(ports)))):  # it opens one after the other
            for port in (ports.imap, ports.pop3):  # its processes start with their first client, which is none of a test's
                with socket.create_connection(("127.0.0.1", port), timeout=START_S) as first:
                    first.recv(1)
            yield ports


def _dovecot_conf(folder: Path, ports: MailPorts, user: pwd.struct_passwd) -> str:
    def listener(name: str, port: int, tls: str) -> str:
        return f"inet_listener {name} {{\n port = {port}\n ssl = {tls}\n }}"

    def login(protocol: str, port: int, port_tls: int) -> str:
        listeners = f"{listener(protocol, port, 'no')}\n{listener(protocol + 's', port_tls, 'yes')}"
        return f"service {protocol}-login {{\n chroot =\n {listeners}\n }}"

    return f"""
base_dir = {folder}/run
listen = 127.0.0.1, ::1
protocols = imap pop3
log_path = {folder}/log
default_internal_user = {user.pw_name}
default_internal_group = {grp.getgrgid(user.pw_gid).gr_name}
default_login_user = {user.pw_name}
first_valid_uid = 1
auth_failure_delay = 0
ssl_cert = <{folder}/good.pem
ssl_key = <{folder}/good.pem
mail_location = maildir:{folder}/mail
service anvil {{
 chroot =
 unix_listener anvil-auth-penalty {{
  mode = 0
  }}
 }}
{login("imap", ports.imap, ports.imaps)}
{login("pop3", ports.pop3, ports.pop3s)}
passdb {{
 driver = passwd-file
 args = {folder}/users
 }}
userdb {{
 driver = static
 args = uid={user.pw_uid} gid={user.pw_gid} home={folder}/home
 }}
"""


def free_ports(count: int) -> list[int]:
    """Free on both loopbacks a moment ago."""
    held = [socket.create_server(("::1", 0), family=socket.AF_INET6) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def running(argv: list[str], port: int, answers: Callable[[int], bool] | None = None) -> Iterator[None]:
    """A server, from when it ``answers`` at its port (by default: takes TCP connections on both loopbacks) to its end."""
    process = subprocess.Popen(argv, stderr=subprocess.PIPE)
    try:
        deadline_s = time.monotonic() + START_S
        while not (answers or _listens)(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                process.kill()
                raise RuntimeError(f"{argv[0]} did not start: {process.communicate()[1].decode()}")
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _listens(port: int) -> bool:
    try:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=START_S).close()
    except ConnectionRefusedError:
        return False
    return True

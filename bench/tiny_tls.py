"""A page over TLS from nginx, on every address of the loopback, with a certificate for ``NAME`` and some of them, signed by a CA of
its own. No session can be taken up again: each handshake is a full one."""

import datetime
import ipaddress
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bed.process import free_port
from bench.tiny import NEEDLE

START_S = 10.0
NAME = "www.example.com"


class Served(NamedTuple):
    port: int
    ca_file: Path


@contextmanager
def page(folder: Path, addresses: Sequence[str]) -> Iterator[Served]:
    """``folder`` is made; the CA's file lies in it under the name that OpenSSL looks for in a folder of CAs, too."""
    folder.mkdir()
    port, plain_port = free_port(), free_port()
    ca_file = _certificates(folder, addresses)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port, plain_port=plain_port, needle=NEEDLE, user=_user()))
    argv = ["nginx", "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with subprocess.Popen(argv) as process:
        try:
            _until_answers(plain_port)
            yield Served(port, ca_file)
        finally:
            process.terminate()


def _certificates(folder: Path, addresses: Sequence[str]) -> Path:
    keys = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(NAME), *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    alternatives = x509.SubjectAlternativeName(names)

    def signed(key: ec.EllipticCurvePrivateKey, ca: bool) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(authority if ca else x509.Name([]))
            .issuer_name(authority)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        made = made if ca else made.add_extension(alternatives, critical=True)
        return made.sign(keys[0], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(keys[1].private_bytes(serialization.Encoding.PEM, *private))
    (folder / "certificate.pem").write_bytes(signed(keys[1], ca=False))
    trusted = folder / "trusted"
    trusted.mkdir()
    ca_file = trusted / "ca.pem"
    ca_file.write_bytes(signed(keys[0], ca=True))
    subprocess.run(["openssl", "rehash", str(trusted)], check=True)
    return ca_file


def _user() -> str:
    return "user root;" if os.geteuid() == 0 else ""


def _until_answers(port: int) -> None:
    give_up_s = time.monotonic() + START_S
    while time.monotonic() < give_up_s:
        with suppress(OSError):
            connection = HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/")
            connection.getresponse().read()
            connection.close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"nginx does not answer within {START_S:g} s")


_CONFIG = """\
{user}
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    ssl_session_cache off;
    ssl_session_tickets off;
    keepalive_timeout 0;
    server {{
        listen 0.0.0.0:{port} ssl backlog=4096 bind;
        listen 127.0.0.1:{plain_port};
        location / {{ default_type text/html; return 200 "{needle}"; }}
    }}
}}
"""

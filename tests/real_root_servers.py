"""Real servers that insist on root, which a test starts for itself on free ports of both loopbacks: Postfix, vsftpd."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_servers import PASSWORD, Certificates, free_ports, running

POSTFIX_FOLDERS = "active bounce corrupt defer deferred flush hold incoming maildrop pid private public saved trace"
MAIN_CF = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
daemon_directory = /usr/lib/postfix/sbin
inet_interfaces = 127.0.0.1, [::1]
myhostname = mail.example.com
mydestination =
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
smtpd_relay_restrictions = reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = {folder}/sasl
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/good.pem
smtpd_tls_key_file = {folder}/good.pem
"""
MASTER_CF = """
{smtp} inet n - n - - smtpd
{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
"""


@dataclass(frozen=True)
class SmtpPorts:
    smtp: int
    smtps: int


@contextmanager
def postfix(certs: Certificates) -> Iterator[SmtpPorts]:
    """Postfix with one account, ``u`` and ``PASSWORD``, kept by Cyrus SASL. It takes no mail."""
    ports = SmtpPorts(*free_ports(2))
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for below in ("data", "sasl", *(f"queue/{one}" for one in POSTFIX_FOLDERS.split())):
            (folder / below).mkdir(parents=True)
        (folder / "good.pem").write_bytes(certs.good.read_bytes())
        (folder / "main.cf").write_text(MAIN_CF.format(folder=folder))
        (folder / "master.cf").write_text(MASTER_CF.format(smtp=ports.smtp, smtps=ports.smtps))
        accounts = folder / "sasl" / "db"
        (folder / "sasl" / "smtpd.conf").write_text(
            f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: LOGIN\nsasldb_path: {accounts}\n"
        )
        argv = ["saslpasswd2", "-p", "-c", "-f", str(accounts), "-u", "mail.example.com", "u"]
        subprocess.run(argv, input=PASSWORD, text=True, check=True)
        for path in (folder / "data", *(folder / "queue").iterdir(), accounts):
            shutil.chown(path, "postfix", "postdrop")
        with running(["/usr/lib/postfix/sbin/master", "-c", name], ports.smtps):
            yield ports


VSFTPD_CONF = """
listen=NO
listen_ipv6=YES
listen_port={port}
background=NO
anonymous_enable=NO
local_enable=YES
pam_service_name=vsftpd
secure_chroot_dir={folder}/empty
ssl_enable=YES
force_local_logins_ssl=NO
force_local_data_ssl=NO
rsa_cert_file={folder}/good.pem
delay_failed_login=0
xferlog_enable=NO
"""


@contextmanager
def vsftpd(folder: Path, certs: Certificates) -> Iterator[int]:
    """vsftpd with one account, ``u`` and ``PASSWORD``: in its own mounts, the machine's accounts are others."""
    (port,) = free_ports(1)
    (folder / "empty").mkdir(mode=0o555)
    (folder / "good.pem").write_bytes(certs.good.read_bytes())
    (folder / "vsftpd.conf").write_text(VSFTPD_CONF.format(folder=folder, port=port))
    crypted = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, capture_output=True, text=True, check=True)
    own = {
        "pam.d/vsftpd": "auth required pam_unix.so nodelay\naccount required pam_permit.so\n",
        "passwd": "".join(
            f"{user}:x:{number}:{number}::/:/bin/sh\n" for user, number in (("root", 0), ("nobody", 65534), ("u", 65532))
        ),
        "shadow": f"u:{crypted.stdout.strip()}:20000:0:99999:7:::\n",
    }
    (folder / "pam.d").mkdir()
    for name, text in own.items():
        (folder / name).write_text(text)
    mounts = " && ".join(f"mount --bind {folder}/{name} /etc/{name}" for name in own)
    argv = ["unshare", "--mount", "sh", "-ec", f"{mounts} && exec /usr/sbin/vsftpd {folder}/vsftpd.conf"]
    with running(argv, port):
        yield port

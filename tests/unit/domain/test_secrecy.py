"""What is kept of a host, and told of it, holds no secrets that can be told from their names or their shape."""

import pytest

from domain.secrecy import without_secrets


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("app[12]: DB_PASSWORD=hunter2 connecting", "app[12]: DB_PASSWORD=*** connecting"),
        ('{"password": "hunter2", "user": "x"}', '{"password": ***, "user": "x"}'),
        ('"password": "my long \\" phrase", x', '"password": ***, x'),
        ('"password": "cut off in the mid', '"password": ***'),
        ("GET /?api_key=abc&x=1", "GET /?api_key=***"),
        ("auth-token: abc", "auth-token: ***"),
        ("'password' => 'hunter2',", "'password' => ***,"),
        ("<password>hunter2</password>", "<password>***"),
        ("Authorization: Bearer abc.def", "Authorization: ***"),
        ("got Bearer abcdefgh.ijk", "got Bearer ***"),
        ("mysql://app:hun@ter2@db/x", "mysql://***@db/x"),
        ("https://abc@git.example/", "https://***@git.example/"),
        ("mysql --password hunter2 -u root", "mysql --password *** -u root"),
        ("app --db-password hunter2", "app --db-password ***"),
        ("COMMAND=/usr/bin/mysql -phunter2", "COMMAND=/usr/bin/mysql -p***"),
        ("sshpass -p hunter2 ssh db02", "sshpass -p*** ssh db02"),
        ("ipmitool -p 623 -P hunter2 chassis", "ipmitool -p 623 -P*** chassis"),
        ("curl -u admin:hunter2 http://x/", "curl -u admin:*** http://x/"),
        ("DB_PASS=hunter2", "DB_PASS=***"),
        ("dbpass=hunter2", "dbpass=***"),
        ("pwd=hunter2", "pwd=***"),
        ("aws_secret_access_key = abc", "aws_secret_access_key = ***"),
        ("private_key=abc", "private_key=***"),
        ("client_credentials=abc auth=abc", "client_credentials=*** auth=***"),
        ("password for app is hunter2", "password for app is ***"),
        ("CREATE USER x IDENTIFIED BY 'hunter 2'", "CREATE USER x IDENTIFIED BY ***"),
        ("took glpat-abcdefghij0123456789", "took ***"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END", "-----BEGIN OPENSSH PRIVATE KEY-----***-----END"),
    ],
)
def test_secrets_are_struck_out(line: str, kept: str) -> None:
    assert without_secrets(f"before\n{line}\nafter") == f"before\n{kept}\nafter"


@pytest.mark.parametrize(
    "line",
    [
        "Failed password for root from 192.0.2.1 port 22",
        "nginx.service: Failed with result 'signal'.",
        "pam_unix(sshd:auth): authentication failure; user=root",
        "sudo: app : PWD=/srv ; USER=root ; COMMAND=/bin/ls",
        "Pass 1: Checking inodes, blocks, and sizes",
        "app --password-file /etc/app/password --no-password here",
        "password:",
        "sudo: a password is required",
        "sudo: a password is required; nginx.service is dead",
        "ssh -p 22 web01; journalctl -u nginx; http://web01/~a@b",
    ],
)
def test_what_is_none_stays(line: str) -> None:
    assert without_secrets(f"before\n{line}\nafter") == f"before\n{line}\nafter"

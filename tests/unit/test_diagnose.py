"""What is kept of a host holds no secrets that can be told from their names."""

import pytest

from remediation.diagnose import without_secrets


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("app[12]: DB_PASSWORD=hunter2 connecting", "app[12]: DB_PASSWORD=*** connecting"),
        ('{"password": "hunter2", "user": "x"}', '{"password": ***, "user": "x"}'),
        ("GET /?api_key=abc&x=1", "GET /?api_key=***"),
        ("auth-token: abc", "auth-token: ***"),
        ("Failed password for root from 192.0.2.1 port 22", "Failed password for root from 192.0.2.1 port 22"),
        ("nginx.service: Failed with result 'signal'.", "nginx.service: Failed with result 'signal'."),
    ],
)
def test_secrets_are_not_kept(line: str, kept: str) -> None:
    assert without_secrets(f"before\n{line}\nafter") == f"before\n{kept}\nafter"

"""What the Prefect children are started with."""

import subprocess
import sys
from pathlib import Path

import pytest
from prefect.settings import Settings as PrefectSettings

from engine.settings import Settings
from flows import server

CREDENTIAL = "hikeshi:not-the-real-one"
OURS = {
    "PATH": "/bin",
    "HOME": "/root",
    "PREFECT_API_URL": "https://elsewhere.example/api",
    "HIKESHI_SMTP_PASSWORD": "secret",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path, prefect_port=14321)


def server_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> PrefectSettings:
    """What Prefect itself makes of the environment."""
    for name, value in server.server_environment(settings, CREDENTIAL, OURS).items():
        monkeypatch.setenv(name, value)
    return PrefectSettings()


def test_the_server_is_closed_and_quiet(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = server_settings(settings, monkeypatch)
    assert found.server.api.host == "127.0.0.1"
    assert found.server.api.port == 14321
    assert found.server.api.auth_string is not None
    assert found.server.api.auth_string.get_secret_value() == CREDENTIAL
    assert found.server.api.csrf_protection_enabled
    assert found.server.api.cors_allowed_origins == "http://127.0.0.1:14321"
    assert not found.server.analytics_enabled
    assert not found.server.ui.v2_enabled
    assert not found.server.ui.show_promotional_content


def test_the_server_keeps_everything_under_the_state_folder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = server_settings(settings, monkeypatch)
    assert found.home == settings.home / "prefect" / "server"
    database = found.server.database.connection_url
    assert database is not None
    assert database.get_secret_value() == f"sqlite+aiosqlite:///{settings.home}/prefect/server/prefect.db"


def test_the_server_does_not_grow_without_end_and_keeps_its_leases(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    found = server_settings(settings, monkeypatch)
    assert {"events", "flow_runs"} <= found.server.services.db_vacuum.enabled_vacuum_types
    assert found.server.concurrency.lease_storage.endswith("filesystem")


@pytest.mark.parametrize("make", [server.server_environment, server.executor_environment])
def test_nothing_of_our_own_environment_leaks(settings: Settings, make: object) -> None:
    assert callable(make)
    environment = make(settings, CREDENTIAL, OURS)
    assert environment["PATH"] == "/bin"
    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:14321/api"
    assert "secret" not in environment.values()


def test_each_child_has_the_credential_where_it_needs_it_only(settings: Settings) -> None:
    def named(environment: dict[str, str]) -> list[str]:
        return [name for name, value in environment.items() if CREDENTIAL in value]

    assert named(server.server_environment(settings, CREDENTIAL, OURS)) == ["PREFECT_SERVER_API_AUTH_STRING"]
    assert named(server.executor_environment(settings, CREDENTIAL, OURS)) == ["PREFECT_API_AUTH_STRING"]
    assert CREDENTIAL not in " ".join([*server.server_argv(), *server.executor_argv()])


def test_homes_are_closed_to_other_users(settings: Settings) -> None:
    (settings.home / "prefect").mkdir(mode=0o755)
    server.make_homes(settings)
    assert {path.stat().st_mode & 0o777 for path in (settings.home / "prefect").rglob("**")} == {0o700}


def test_the_supervisor_and_the_executor_do_without_importing_prefect() -> None:
    code = "import sys, flows.server, flows.serve, engine.prefect_api; print('prefect' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"

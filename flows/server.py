"""How the Prefect server is run: argument list and environment of the child. Imports no Prefect.

Setting names are those of Prefect 3.8 (``prefect.settings.models``). Values in the environment win over every settings file.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from engine.settings import Settings

RUN_RETENTION_S = 90 * 86_400
"""How long finished runs stay in the UI; the accounts themselves are in our own store."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")
"""What a child takes over from our own environment: nothing secret, and no PREFECT_* that points elsewhere."""


def api_url(settings: Settings) -> str:
    return f"{settings.prefect_url}/api"


def server_argv() -> list[str]:
    """The server in the foreground; all it must know is in its environment."""
    return [sys.executable, "-m", "prefect", "server", "start"]


def server_environment(settings: Settings, credential: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of the server's child; run it with ``home(settings, "server")`` as its working directory,
    because Prefect also reads settings files from there."""
    prefect_home = home(settings, "server")
    return {
        **_plain(inherited),
        **_quiet(prefect_home),
        "PREFECT_API_URL": api_url(settings),
        "PREFECT_SERVER_API_HOST": settings.prefect_bind,
        "PREFECT_SERVER_API_PORT": str(settings.prefect_port),
        "PREFECT_SERVER_API_AUTH_STRING": credential,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        # Browsers may call the API from the UI's own origin only.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": settings.prefect_url,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{prefect_home.absolute() / 'prefect.db'}",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(RUN_RETENTION_S),
        # The V2 UI calls out from the browser; the V1 UI works offline.
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_UI_API_URL": api_url(settings),
    }


def executor_argv() -> list[str]:
    return [sys.executable, "-m", "flows.serve"]


def executor_environment(settings: Settings, credential: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Prefect's part of the executor's environment, and so of the runs it starts; what their work needs comes beside it."""
    return {
        **_plain(inherited),
        **_quiet(home(settings, "executor")),
        "PREFECT_API_URL": api_url(settings),
        "PREFECT_API_AUTH_STRING": credential,
        # Tries after 2, 4, 8 s: a run whose server is gone ends soon, and what it did is in our own journal.
        "PREFECT_CLIENT_MAX_RETRIES": "3",
        "PREFECT_API_REQUEST_TIMEOUT": "10",
        "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    }


def home(settings: Settings, name: str) -> Path:
    """PREFECT_HOME of the child of that name, ``server`` or ``executor``."""
    return settings.home / "prefect" / name


def make_homes(settings: Settings) -> None:
    """The folders both children need, closed to other users: runs, their parameters and their logs are kept there."""
    for folder in (settings.home / "prefect", home(settings, "server"), home(settings, "executor")):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)


def _plain(inherited: Mapping[str, str]) -> dict[str, str]:
    return {name: inherited[name] for name in _INHERITED if name in inherited}


def _quiet(prefect_home: Path) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_PROFILES_PATH": str(prefect_home / "profiles.toml"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_COLORS": "false",
        "PREFECT_LOGGING_COLORS": "false",
    }

"""What a process needs to know beside the inventory: where things are kept and who listens where. From ``HIKESHI_…``."""

import os
import re
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, ModelWrapValidatorHandler, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.mistake import shown
from store.db import LEASE_MAX_S
from watch.name_files import servers

PREFIX = "HIKESHI_"
BESIDE = frozenset({"HIKESHI_OPERATOR"})
"""Names with our prefix that the command line itself reads."""
_NAME = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*\.?")
_KINDS = {"integer": "a whole number", "number": "a number", "boolean": "true or false"}


class SettingsError(Exception):
    """Settings that can't be: one line for each, with what is wrong and what would be right."""


def default_home() -> Path:
    """Where the state lies unless ``HIKESHI_HOME`` says otherwise."""
    return Path("~/.local/state/hikeshi").expanduser()


def stop_file() -> Path:
    """Its presence stops every action. Found without the other settings: stopping must not depend on their being right."""
    return Path(os.environ.get("HIKESHI_HOME") or default_home()) / "STOP"


class Settings(BaseSettings):
    """One value each, read from the environment variable ``HIKESHI_<NAME>``; documented in ``docs/settings.md``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="ignore", allow_inf_nan=False)

    home: Path = Field(default_factory=default_home, description="State folder: store, reports, credentials, stop file.")
    store_url: str = Field(default="", description="`postgresql+psycopg://…`, or empty for SQLite in the state folder.")
    inventory: Path | None = Field(default=None, description="The inventory's folder, read by the engine.")
    zone: str = Field(default="Asia/Tokyo", description="Time zone of every time that the command line shows.")
    smtp_host: str = Field(default="127.0.0.1", description="The mail server that takes our mails and owns retries.")
    smtp_port: int = Field(default=25, ge=1, le=65535, description="Its port.")
    smtp_starttls: bool = Field(default=False, description="Require STARTTLS of it.")
    prefect: bool = Field(default=True, description="Run procedures as Prefect flow runs; `false`: hands does all of it.")
    prefect_port: int = Field(default=4200, ge=1, le=65535, description="Port of the Prefect server and its UI.")
    prefect_bind: str = Field(default="127.0.0.1", description="Address the Prefect server listens on.")
    ingress_port: int = Field(default=4280, ge=1, le=65535, description="Port for acknowledge links and health.")
    ingress_bind: str = Field(default="127.0.0.1", description="Address the ingress listens on.")
    public_url: str = Field(default="", description="How operators' browsers reach the ingress; empty: its own address.")
    trap_port: int = Field(default=162, ge=1, le=65535, description="UDP port on which watchers hear SNMP traps.")
    trap_bind: str = Field(default="", description="The one address they hear them on; empty: all of this machine's.")
    heartbeat_url: str = Field(
        default="", description="Asked (GET) every minute while all is well, so that somebody outside alarms when it is not."
    )
    orphan_s: float = Field(default=10.0, ge=0, description="Hands takes a run or report that nobody claimed for so long.")
    lease_s: float = Field(
        default=20.0, ge=1, le=LEASE_MAX_S, description="How long a claim lasts without being renewed; at most 900."
    )
    watcher_silent_s: float = Field(default=30.0, ge=10, description="A watcher not heard of for so long counts as blind.")

    syslog_port: int = Field(default=514, ge=1, le=65535, description="UDP and TCP port on which watchers hear syslog.")
    syslog_bind: str = Field(default="", description="The one address they hear it on; empty: all of this machine's.")
    resolvers: str = Field(
        default="", description="Whom the watcher asks where names lead, comma-separated; empty: those of `/etc/resolv.conf`."
    )

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be a time zone such as Asia/Tokyo or UTC") from error
        return zone

    @field_validator("public_url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        if url and not _is_web_url(url):
            raise ValueError("must be a URL without query such as https://hikeshi.example.com")
        return url

    @field_validator("heartbeat_url")
    @classmethod
    def _can_be_asked(cls, url: str) -> str:
        if url and not _is_web_url(url, query=True):
            raise ValueError("must be a URL such as https://alive.example.com/4f1a")
        return url

    @field_validator("resolvers")
    @classmethod
    def _are_servers(cls, resolvers: str) -> str:
        try:
            servers(resolvers)
        except ValueError as error:
            raise ValueError("must be up to three addresses such as 192.0.2.53, or [2001:db8::53]:5353 with a port") from error
        return resolvers

    @field_validator("trap_bind", "syslog_bind")
    @classmethod
    def _is_own_address(cls, address: str) -> str:
        if address and not _is_ip(address):
            raise ValueError("must be an IP address of this machine")
        return address

    @field_validator("smtp_host", "prefect_bind", "ingress_bind")
    @classmethod
    def _is_address(cls, address: str) -> str:
        if not _is_ip(address) and (_NAME.fullmatch(address) is None or len(address) > 253):
            raise ValueError("must be an IP address or host name; the port is a setting of its own")
        return address

    @model_validator(mode="wrap")
    @classmethod
    def _all_at_once(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Everything that is wrong in one ``SettingsError``, names included that mean nothing here."""
        wrong = [_unknown(name, cls) for name in sorted(os.environ) if name.upper().startswith(PREFIX) and not _is_known(name, cls)]
        try:
            made = handler(data)
        except ValidationError as error:
            raise SettingsError("\n".join([*_mistakes(error, cls), *wrong])) from error
        if wrong:
            raise SettingsError("\n".join(wrong))
        return made

    @property
    def url(self) -> str:
        return self.store_url or f"sqlite:///{self.home.absolute() / 'hikeshi.db'}"

    @property
    def stop_file(self) -> Path:
        """Its presence stops every action, without database or Prefect."""
        return self.home / "STOP"

    @property
    def prefect_credential(self) -> Path:
        """The Prefect API's credential, readable by its owner only."""
        return self.home / "prefect" / "credential"

    @property
    def metrics_token(self) -> Path:
        """Whoever reads the metrics shows what is in it."""
        return self.home / "metrics.token"

    @property
    def alerts_token(self) -> Path:
        """Whoever sends alerts shows what is in it."""
        return self.home / "alerts.token"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def ingress_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{_in_url(self.ingress_bind)}:{self.ingress_port}"

    @property
    def prefect_url(self) -> str:
        return f"http://{_in_url(self.prefect_bind)}:{self.prefect_port}"


def _is_known(name: str, settings: type[Settings]) -> bool:
    return name in BESIDE or name.upper().removeprefix(PREFIX).lower() in settings.model_fields


def _unknown(name: str, settings: type[Settings]) -> str:
    known = [*(beside.removeprefix(PREFIX).lower() for beside in BESIDE), *settings.model_fields]
    close = get_close_matches(name[len(PREFIX) :].lower(), known, n=1)
    return (
        f"{name}: is no setting, {f'did you mean {PREFIX}{close[0].upper()}?' if close else 'docs/settings.md lists all of them'}"
    )


def _mistakes(error: ValidationError, settings: type[Settings]) -> list[str]:
    lines = []
    for item in error.errors():
        name = str(item["loc"][0])
        own = item["type"] == "value_error"  # a validator of ours, whose words say already what would be right
        must = item["msg"].removeprefix("Value error, ") if own else _must(name, settings)
        lines.append(f"{PREFIX}{name.upper()}: {must} (got {shown(item['input'])})")
    return lines


def _must(name: str, settings: type[Settings]) -> str:
    schema = settings.model_json_schema()["properties"][name]
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = "" if low is None else f" of {low} or more" if high is None else f" from {low} to {high}"
    return f"must be {_KINDS[schema['type']]}{bounds}"


def _is_web_url(url: str, *, query: bool = False) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    return (
        parts.scheme in ("http", "https")
        and (_is_ip(host) or _NAME.fullmatch(host) is not None)
        and port != 0
        and not ((parts.query and not query) or parts.fragment or "@" in parts.netloc)
        and re.search(r"\s", url) is None
    )


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address

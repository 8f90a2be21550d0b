"""What a process needs to know beside the inventory: where things are kept and who listens where. From ``HIKESHI_…``."""

import os
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """Where the state lies unless ``HIKESHI_HOME`` says otherwise."""
    return Path("~/.local/state/hikeshi").expanduser()


def stop_file() -> Path:
    """Its presence stops every action. Found without the other settings: stopping must not depend on their being right."""
    return Path(os.environ.get("HIKESHI_HOME") or default_home()) / "STOP"


class Settings(BaseSettings):
    """One value each, read from the environment variable ``HIKESHI_<NAME>``; documented in ``docs/settings.md``."""

    model_config = SettingsConfigDict(env_prefix="HIKESHI_", env_ignore_empty=True, frozen=True, extra="ignore")

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
    orphan_s: float = Field(default=10.0, ge=0, description="Hands takes a run or report that nobody claimed for so long.")
    lease_s: float = Field(default=20.0, ge=1, description="How long a claim lasts without being renewed.")
    watcher_silent_s: float = Field(default=30.0, ge=10, description="A watcher not heard of for so long counts as blind.")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("must be a time zone such as Asia/Tokyo or UTC") from error
        return zone

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
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def ingress_url(self) -> str:
        return self.public_url.rstrip("/") or f"http://{self.ingress_bind}:{self.ingress_port}"

    @property
    def prefect_url(self) -> str:
        return f"http://{self.prefect_bind}:{self.prefect_port}"

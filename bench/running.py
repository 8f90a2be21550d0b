"""`hikeshi up` on the shipped sample inventory, for measurements."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from bed.process import free_port


def write_inventory(folder: Path, hosts: str, changed: Mapping[str, str]) -> Path:
    """The sample with these hosts; ``changed`` replaces texts in it."""
    inventory = folder / "inventory"
    inventory.mkdir()
    for file in (resources.files("inventory") / "sample").iterdir():
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8")
        for before, after in {"automation: shadow\n": "automation: on\n", **changed}.items():
            text = text.replace(before, after)
        (inventory / file.name).write_text(text, encoding="utf-8")
    (inventory / "hosts.yaml").write_text(hosts, encoding="utf-8")
    return inventory


@contextmanager
def running(folder: Path, inventory: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """Everything up, its state below ``folder``; returns when the flows are served. ``settings`` as in docs/settings.md."""
    chosen = {"home": str(folder / "state"), "prefect_port": str(free_port()), "ingress_port": str(free_port()), **settings}
    environment = {**os.environ, **{f"HIKESHI_{name.upper()}": value for name, value in chosen.items()}}
    argv = [sys.executable, "-m", "hikeshi", "up", str(inventory)]
    up = subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL)
    try:
        log = folder / "state/log/executor.log"
        until(lambda: log.exists() and "serving first-line" in log.read_text(), "the flows to be served", 120, up)
        yield up
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(60)


def until(true: Callable[[], bool], what: str, timeout_s: float, up: subprocess.Popen[bytes]) -> None:
    """Wait until it is so. Raises ``RuntimeError`` when it doesn't come about."""
    give_up_s = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > give_up_s:
            raise RuntimeError(f"waited {timeout_s:g} s in vain for {what}")
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"hikeshi up ended with {up.wait(0.2)}")

"""A real Alertmanager drives the same response: what fires there is an incident here, told and recovered."""

import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local import Local, body, inventory
from real_servers import free_ports, running

from engine.own_secret import ensure


@contextmanager
def alertmanager(folder: Path, hook: str, token: Path) -> Iterator[str]:
    """Its URL; it tells ``hook`` at once of what fires and ends."""
    [port] = free_ports(1)
    receiver = {
        "name": "hikeshi",
        "webhook_configs": [{"url": hook, "http_config": {"authorization": {"credentials_file": str(token)}}}],
    }
    route = {"receiver": "hikeshi", "group_wait": "0s", "group_interval": "1s", "group_by": ["..."]}
    (folder / "am.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}))
    argv = [
        *("prometheus-alertmanager", f"--config.file={folder}/am.yml", f"--storage.path={folder}/am"),
        *(f"--web.listen-address=:{port}", "--cluster.listen-address="),
    ]
    with running(argv, port):
        yield f"http://127.0.0.1:{port}"


def fires(url: str, name: str, *, ended: bool = False) -> None:
    alert = {"labels": {"alertname": name, "instance": "web01"}, "annotations": {"summary": "/var is full"}}
    if ended:
        alert["endsAt"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())  # type: ignore[assignment]  # as its API has it
    asked = urllib.request.Request(f"{url}/api/v2/alerts", json.dumps([alert]).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        assert answer.status == 200


def test_what_fires_in_alertmanager_is_told_and_so_is_its_end(tmp_path: Path) -> None:
    tree = inventory({})
    del tree["customers"]["shop"]["contract"]
    disk = {"kind": "alert", "match": {"alertname": "DiskFull", "instance": "web01"}}
    tree["hosts"] = {
        "web01": {"label": "web01", "customer": "shop", "address": "127.0.0.1", "profile": "quick", "checks": {"disk-full": disk}}
    }
    with Local(tmp_path, tree) as local:
        assert isinstance(local, Local)
        token = local.settings.alerts_token
        ensure(token)
        local.start("ingress")
        local.running("engine", "watcher", "hands")
        with alertmanager(tmp_path, f"{local.settings.ingress_url}/alerts", token) as url:
            fires(url, "SomethingElse")
            fires(url, "DiskFull")
            local.until("the fault's mail", lambda: local.mails("office"))
            assert "/var is full" in body(local.mails("office")[0])
            fires(url, "DiskFull", ended=True)
            local.until("the recovery's mail", lambda: len(local.mails("office")) == 2)
        assert [row.host for row in local.incidents()] == ["web01"]
        assert local.incidents()[0].recovered_at_s is not None

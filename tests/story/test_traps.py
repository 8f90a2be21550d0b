"""A device tells by itself: from its trap to the customer's mail, and from linkUp to the recovery (C15)."""

import subprocess
from pathlib import Path

from local import Local, body, inventory
from real_snmpd import free_port

LINK_DOWN, LINK_UP, COLD_START = "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4", "1.3.6.1.6.3.1.1.5.1"


def sends(folder: Path, port: int, trap: str, *variables: str) -> None:
    """As a device does; an inform, so that it is sure to have been heard."""
    argv = ["snmpinform", "-v2c", "-c", "the community", "-r", "50", "-t", "0.2", f"udp:127.0.0.1:{port}", "", trap, *variables]
    environ = {"MIBS": "", "PATH": "/usr/bin:/bin", "SNMP_PERSISTENT_DIR": str(folder / "device")}
    subprocess.run(argv, check=True, env=environ, timeout=30)


def test_a_link_that_goes_down_and_comes_up_and_a_restart(tmp_path: Path) -> None:
    port = free_port()
    secret = tmp_path / "community"
    secret.write_text("the community\n")
    secret.chmod(0o600)
    tree = inventory({})
    del tree["customers"]["shop"]["contract"]
    tree["hosts"] = {
        "switch": {
            "label": "switch",
            "customer": "shop",
            "address": "127.0.0.1",
            "profile": "quick",
            "snmp": {"community": {"file": str(secret)}},
            "checks": {"snmp-trap": {}},
        }
    }
    third = ("1.3.6.1.2.1.2.2.1.1.3", "i", "3", "1.3.6.1.2.1.2.2.1.2.3", "s", "uplink")
    with Local(tmp_path, tree, trap_port=port) as local:
        assert isinstance(local, Local)
        local.running("engine", "watcher", "hands")
        sends(tmp_path, port, LINK_DOWN, *third)
        local.until("the fault's mail", lambda: local.mails("office"))
        assert "linkDown of interface 3 (uplink)" in body(local.mails("office")[0])
        sends(tmp_path, port, COLD_START)
        local.until("the mail of its restart", lambda: len(local.mails("office")) == 2)
        assert "coldStart" in str(local.mails("office")[1]["Subject"])
        assert local.incidents()[0].recovered_at_s is None
        sends(tmp_path, port, LINK_UP, *third)
        local.until("the recovery's mail", lambda: len(local.mails("office")) == 3)
        assert [row.host for row in local.incidents()] == ["switch"]
        assert local.incidents()[0].recovered_at_s is not None

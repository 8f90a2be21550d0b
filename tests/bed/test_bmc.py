"""BMCs of the bed: real ones, that really switch a real host."""

import ssl
import subprocess
from pathlib import Path

import httpx
import pytest

from bed.chassis import Chassis
from bed.guest import Guest
from bed.ipmi import Ipmi
from bed.network import Bed
from bed.process import wait_for
from bed.redfish import Redfish


def ipmitool(bed: Bed, bmc: Ipmi, *words: str) -> str:
    argv = ["ipmitool", "-I", "lanplus", "-C", "3", "-L", "OPERATOR", "-H", bmc.address, "-p", str(bmc.port), "-U", bmc.user, "-E"]
    environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "IPMI_PASSWORD": bmc.password}
    done = subprocess.run(bed.command([*argv, *words]), env=environ, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


@pytest.mark.root
def test_ipmi_cycles_a_host_that_hangs_and_sets_what_it_boots(bed: Bed, guest: Guest, tmp_path: Path) -> None:
    with Chassis(guest, tmp_path) as chassis, Ipmi(chassis, tmp_path, bed) as bmc:
        guest.freeze()
        assert ipmitool(bed, bmc, "chassis", "power", "status") == "Chassis Power is on"
        ipmitool(bed, bmc, "chassis", "bootdev", "pxe", "options=persistent")
        ipmitool(bed, bmc, "chassis", "power", "cycle")
        wait_for(lambda: chassis.given("on") == 1, "the BMC to switch on again", 20)
        guest.wait_ready()
        assert [(order.what, order.boot) for order in chassis.orders] == [("boot", "rescue"), ("off", "rescue"), ("on", "rescue")]
        assert (guest.next_boot, guest.service_starts("nginx")) == ("rescue", 2)
        ipmitool(bed, bmc, "chassis", "bootdev", "none")
        assert guest.next_boot == "disk"


@pytest.mark.root
def test_redfish_resets_a_host_that_hangs_and_sees_what_it_does_by_itself(bed: Bed, guest: Guest, tmp_path: Path) -> None:
    with Chassis(guest, tmp_path) as chassis, Redfish(chassis, tmp_path, bed.authority, bed) as bmc:
        guest.freeze()
        system = f"https://{bmc.address}:{bmc.port}/redfish/v1/Systems/{bmc.system}"
        trust = ssl.create_default_context(cafile=bed.authority.ca_file)
        with bed.inside(), httpx.Client(verify=trust, auth=(bmc.user, bmc.password), trust_env=False) as client:
            before = client.get(system).json()
            assert client.post(f"{system}/Actions/ComputerSystem.Reset", json={"ResetType": "ForceRestart"}).status_code == 204
            guest.wait_ready()
            after = client.get(system).json()
            assert before["LastResetTime"] < after["LastResetTime"]
            assert (chassis.given("reset"), guest.service_starts("nginx")) == (1, 2)
            guest.press_button()
            guest.wait_off()
            assert client.get(system).json()["PowerState"] == "Off"

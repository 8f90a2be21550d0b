"""``hardware`` (C41): a machine's own controller, its BMC, says that its health is OK; by Redfish or by IPMI."""

import asyncio
import json
import os
import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.bmc_words import ipmi_faults, ipmi_lines, ipmi_reason, redfish_health
from probes.option import Option
from probes.spec import Call, Spec, Target
from probes.way_in import Account

MAX_BODY_BYTES = 1024 * 1024
_SHARE = 0.4
"""Of the look's time, for the connection and for TLS each: the library leaves its socket open when its handshake is cancelled."""
_SYSTEMS = "/redfish/v1/Systems"
_PATH = re.compile(r"/redfish/v1/[!-~]{1,300}")


async def _look(target: Target) -> Observation:
    given = target.options
    login = option.as_login(given["login"])
    account = Account(login.user, target.secrets(login.password))
    if not account.password:
        return unknown("the password is empty")
    if given["driver"] == "redfish":
        return await _by_redfish(given, account, target.timeout_s * _SHARE)
    return await _by_ipmi(given, account)


async def _by_redfish(given: Mapping[str, Any], account: Account, timeout_s: float) -> Observation:
    import httpx  # noqa: PLC0415  # it takes a tenth of a second, and few watchers have such a check

    try:
        context = ssl.create_default_context(cafile=given["ca_file"])
    except OSError as error:
        return unknown(f"the certificates in {given['ca_file']} can't be read: {error.strerror or error}")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may hold the BMC's own certificate
    host = f"[{given['bmc']}]" if ":" in given["bmc"] else given["bmc"]
    login = (account.user.encode(), account.password.encode())
    try:
        async with httpx.AsyncClient(
            base_url=f"https://{host}:{given['port'] or 443}", verify=context, auth=login, timeout=timeout_s, trust_env=False
        ) as client:
            path = f"{_SYSTEMS}/{given['system']}" if given["system"] else await _only_one(client)
            health = redfish_health(await _get(client, path))
    except httpx.HTTPError as error:
        return down(f"the BMC: {account.said(str(error).encode()) if str(error) else type(error).__name__}")
    except _Refused as refused:
        return down(f"the BMC: {refused}")
    if health is None:
        return down("the BMC does not tell its health")
    return up(f"health {health}") if health == "OK" else down(f"health {health}")


class _Refused(Exception):  # noqa: N818 - a signal within this module
    """The BMC's answer is no use; the text says why."""


async def _only_one(client: Any) -> str:
    members = (await _get(client, _SYSTEMS)).get("Members")
    paths = [str(member.get("@odata.id")) for member in members if isinstance(member, Mapping)] if isinstance(members, list) else []
    if len(paths) != 1 or not _PATH.fullmatch(paths[0]):
        raise _Refused(f"it has {len(paths)} systems: would be right: system, the one that is meant")
    return paths[0]


async def _get(client: Any, path: str) -> Mapping[str, Any]:
    body = b""
    async with client.stream("GET", path, headers={"Accept-Encoding": "identity"}) as answer:
        if answer.status_code == 401:
            raise _Refused("login refused: the user or the password is wrong")
        if answer.status_code != 200:
            raise _Refused(f"status {answer.status_code} for {path}")
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MAX_BODY_BYTES:
                raise _Refused(f"its answer is longer than {MAX_BODY_BYTES} bytes")
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused("its answer is no JSON") from error
    return found if isinstance(found, Mapping) else {}


async def _by_ipmi(given: Mapping[str, Any], account: Account) -> Observation:
    where = ("-H", given["bmc"], "-p", str(given["port"] or 623), "-U", account.user, "-E", "-L", "USER")
    environ = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "IPMI_PASSWORD": account.password}
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            *("ipmitool", "-v", "-I", "lanplus", "-C", "3", *where, "-N", "1", "-R", "2", "chassis", "status"),
            env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe,
        )  # fmt: skip
    except FileNotFoundError:
        return unknown("no ipmitool on this machine; with Debian: apt-get install ipmitool")
    try:
        said, complained = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = ipmi_lines(said.decode(errors="replace"))
    if process.returncode or "System Power" not in lines:
        last = complained.strip().rpartition(b"\n")[2]
        return down(f"the BMC: {ipmi_reason(complained.decode(errors='replace')) or account.said(last)}")
    faults = ipmi_faults(lines)
    return down(", ".join(faults)) if faults else up("no fault")


def _address(value: object) -> str:
    try:
        return str(ip_address(value)) if isinstance(value, str) else _refuse()
    except ValueError:
        return _refuse()


def _refuse() -> str:
    raise ValueError("an IPv4 or IPv6 address, such as 192.0.2.110")


HARDWARE = Spec(
    name="hardware",
    source="C41",
    doc="The machine's BMC says that its health is OK",
    way=Call(_look),
    level=Level.MINOR,  # R1
    fault_class=FaultClass.RESOURCE,  # R4
    options={
        "driver": Option("redfish or ipmi", option.choice("redfish", "ipmi"), required=True),
        "bmc": Option("the BMC's IPv4 or IPv6 address", _address, required=True),
        "port": Option("1 to 65535; by default 443 for redfish, 623 for ipmi", option.port),
        "login": Option(
            "a user of the BMC that may read, no more: {user: NAME, password: {env: VARIABLE}}", option.login, required=True
        ),
        "system": Option("which machine it is there, for redfish where there are several", option.text(100)),
        "ca_file": Option("certificates (PEM) to trust instead of the system's (redfish); may be the BMC's own", option.file),
    },
)

"""``python -m bench.peers.pysnmp_ten FOLDER PORT ADDRESS...``: a get of ten from each, with the pysnmp that is in the folder."""

import asyncio
import json
import sys
import time
from importlib import import_module
from typing import Any

from bench.tiny_datagrams import COMMUNITY, COUNTERS, STEP

AT_ONCE = 32


async def look(addresses: list[str], port: int) -> None:
    pysnmp: Any = import_module("pysnmp.hlapi.v3arch.asyncio")
    engine, community = pysnmp.SnmpEngine(), pysnmp.CommunityData(COMMUNITY, mpModel=1)
    wanted = [pysnmp.ObjectType(pysnmp.ObjectIdentity(oid)) for oid in COUNTERS]
    free = asyncio.Semaphore(AT_ONCE)

    async def one(address: str) -> None:
        async with free:
            target = await pysnmp.UdpTransportTarget.create((address, port), timeout=5, retries=0)
            error, status, _, binds = await pysnmp.get_cmd(
                engine, community, target, pysnmp.ContextData(), *wanted, lookupMib=False
            )
        found = [int(value) // STEP for _, value in binds]
        if error or status or found != [*range(1, len(COUNTERS) + 1)]:
            raise RuntimeError(f"pysnmp: {error or status or found}")

    await asyncio.gather(*(one(address) for address in addresses))


def main() -> None:
    folder, port, *addresses = sys.argv[1:]
    sys.path.insert(0, folder)
    import_module("pysnmp.hlapi.v3arch.asyncio")
    begun_cpu_s, begun_s = time.process_time(), time.monotonic()
    asyncio.run(look(addresses, int(port)))
    print(json.dumps([len(addresses), time.process_time() - begun_cpu_s, time.monotonic() - begun_s]))


if __name__ == "__main__":
    main()

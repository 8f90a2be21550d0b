"""What in a log means that a part of the machine or its software fails: shipped patterns, most severe first (C40).

What each is called, what it means and what is proposed stands in ``notify.findings``.
"""

import re
from types import MappingProxyType

PATTERNS = MappingProxyType(
    {
        "raid": r"md/raid\S*: ?(?:Disk failure|Operation continuing)|md\d+: .*(?:kicking|degraded)|mdadm.*Fail\w* event"
        r"|DegradedArray|(?:megaraid|megasas|PERC|mpt\dsas).*(?:degraded|failed|offline)",
        "disk": r"(?:blk_update_request|print_req_error|Buffer I/O error|(?:critical|I/O) (?:medium |target )?error, dev)"
        r"|Medium Error|Unrecovered read error|ata\d+(?:\.\d+)?: (?:failed command|exception Emask)"
        r"|nvme\S*: I/O .*(?:timeout|reset)",
        "smart": r"SMART (?:Prefailure|overall-health.*FAILED|Usage Attribute.*FAIL)|FAILED SMART|pending\) sectors"
        r"|uncorrectable sectors",
        "filesystem": r"EXT[234]-fs (?:error|\(.*\): (?:error|Remounting))|Remounting filesystem read-only"
        r"|XFS .*(?:[Cc]orruption|hutdown)"
        r"|BTRFS (?:error|critical)|JBD2: .*[Ee]rror|Aborting journal",
        "ecc": r"EDAC .*\b[CU]E\b|[Mm]achine [Cc]heck|mce: .*[Ee]rror|\[Hardware Error\]|[Uu]ncorrect\w+ memory error",
        "heat": r"temperature above threshold|cpu clock throttled|[Tt]hermal.*(?:critical|shut)|[Ff]an .*(?:fail|fault)",
        "supply": r"(?:[Pp]ower [Ss]upply|PSU).*(?:fail|lost|fault)|[Pp]ower .*redundancy .*lost",
        "kernel": r"Kernel panic|\bOops: |kernel BUG at|BUG: (?:unable|soft|workqueue)|soft lockup|hard LOCKUP|rcu\w*.* stall"
        r"|blocked for more than \d+ seconds",
        "oom": r"Out of memory: Kill|invoked oom-killer|oom-kill:|out of memory: Kill|killed by the OOM killer",
        "full": r"No space left on device|[Dd]isk quota exceeded|file-max limit|Too many open files",
        "link": r"(?:NIC )?[Ll]ink is [Dd]own|[Ll]ink [Dd]own\b|carrier lost|NETDEV WATCHDOG",
        "tables": r"nf_conntrack: .*table full|neighbou?r(?: table|: .*) overflow|TCP: .*(?:out of memory|SYN flooding)",
        "crash": r"segfault at|traps: .*(?:general protection|trap )|dumped core|core dumped|terminated by signal (?:6|7|8|11)\b",
        "service": r"Failed with result|Failed to start |entered failed state|code=(?:killed|dumped)|repeated too quickly",
    }
)
"""By name. Each is looked for in ``app: text`` of a line."""

_EACH = {name: re.compile(pattern, re.ASCII) for name, pattern in PATTERNS.items()}
_ANY = re.compile("|".join(PATTERNS.values()), re.ASCII)
"""Nearly all lines mean nothing, and are found so at once."""


def named(whole: str) -> str | None:
    """Which pattern a line is of."""
    if _ANY.search(whole) is None:
        return None
    return next(name for name, pattern in _EACH.items() if pattern.search(whole))

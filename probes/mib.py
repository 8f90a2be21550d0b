"""The items of MIBs that checks read, by their names there."""

from probes.reading import Get, Oid, Table

MAX_PROCESSES = 5000
MAX_INTERFACES = 2048
_MIB_2: Oid = (1, 3, 6, 1, 2, 1)
_HOST = (*_MIB_2, 25)
_STORAGE = (*_HOST, 2, 3, 1)
_RUN = (*_HOST, 4, 2, 1)
_IF = (*_MIB_2, 2, 2, 1)
_IF_X = (*_MIB_2, 31, 1, 1, 1)
_UCD: Oid = (1, 3, 6, 1, 4, 1, 2021)
_EXTEND: Oid = (1, 3, 6, 1, 4, 1, 8072, 1, 3, 2, 3, 1)

SYS_UP_TIME = Get((*_MIB_2, 1, 3, 0), "sysUpTime")  # RFC 3418: of the agent, in hundredths of a second

# HOST-RESOURCES-MIB, RFC 2790
HR_SYSTEM_DATE = Get((*_HOST, 1, 2, 0), "hrSystemDate")
HR_USERS = Get((*_HOST, 1, 5, 0), "hrSystemNumUsers")
HR_STORAGE_TYPE = Table((*_STORAGE, 2), "hrStorageType")
HR_STORAGE_RAM: Oid = (*_HOST, 2, 1, 2)
HR_STORAGE_VIRTUAL: Oid = (*_HOST, 2, 1, 3)
HR_STORAGE_FIXED_DISK: Oid = (*_HOST, 2, 1, 4)
HR_STORAGE_DESCR = Table((*_STORAGE, 3), "hrStorageDescr")
HR_STORAGE_UNITS = Table((*_STORAGE, 4), "hrStorageAllocationUnits")
HR_STORAGE_SIZE = Table((*_STORAGE, 5), "hrStorageSize")
HR_STORAGE_USED = Table((*_STORAGE, 6), "hrStorageUsed")
HR_DEVICE_TYPE = Table((*_HOST, 3, 2, 1, 2), "hrDeviceType")
HR_DEVICE_PROCESSOR: Oid = (*_HOST, 3, 1, 3)
HR_PROCESSOR_LOAD = Table((*_HOST, 3, 3, 1, 2), "hrProcessorLoad")
HR_RUN_NAME = Table((*_RUN, 2), "hrSWRunName", MAX_PROCESSES)
HR_RUN_TYPE = Table((*_RUN, 6), "hrSWRunType", MAX_PROCESSES)
HR_RUN_STATUS = Table((*_RUN, 7), "hrSWRunStatus", MAX_PROCESSES)

# IF-MIB, RFC 2863
IF_INDEX: Oid = (*_IF, 1)
IF_DESCR = Table((*_IF, 2), "ifDescr", MAX_INTERFACES)
IF_ADMIN_STATUS = Table((*_IF, 7), "ifAdminStatus", MAX_INTERFACES)
IF_OPER_STATUS = Table((*_IF, 8), "ifOperStatus", MAX_INTERFACES)
IF_IN_OCTETS = Table((*_IF, 10), "ifInOctets", MAX_INTERFACES)
IF_OUT_OCTETS = Table((*_IF, 16), "ifOutOctets", MAX_INTERFACES)
IF_NAME = Table((*_IF_X, 1), "ifName", MAX_INTERFACES)
IF_HC_IN_OCTETS = Table((*_IF_X, 6), "ifHCInOctets", MAX_INTERFACES)
IF_HC_OUT_OCTETS = Table((*_IF_X, 10), "ifHCOutOctets", MAX_INTERFACES)
IF_HIGH_SPEED = Table((*_IF_X, 15), "ifHighSpeed", MAX_INTERFACES)
IF_NAMES: tuple[Oid, ...] = (IF_NAME.column, IF_DESCR.column)

# UCD-SNMP-MIB, as net-snmp has it
MEM_TOTAL_SWAP = Get((*_UCD, 4, 3, 0), "memTotalSwap")
MEM_AVAIL_SWAP = Get((*_UCD, 4, 4, 0), "memAvailSwap")
MEM_TOTAL_REAL = Get((*_UCD, 4, 5, 0), "memTotalReal")
MEM_AVAIL_REAL = Get((*_UCD, 4, 6, 0), "memAvailReal")
MEM_BUFFER = Get((*_UCD, 4, 14, 0), "memBuffer")
MEM_CACHED = Get((*_UCD, 4, 15, 0), "memCached")
DSK_PATH = Table((*_UCD, 9, 1, 2), "dskPath")
DSK_AVAIL = (Table((*_UCD, 9, 1, 13), "dskAvailLow"), Table((*_UCD, 9, 1, 14), "dskAvailHigh"))  # in KiB
DSK_USED = (Table((*_UCD, 9, 1, 15), "dskUsedLow"), Table((*_UCD, 9, 1, 16), "dskUsedHigh"))
DSK_PERCENT_NODE = Table((*_UCD, 9, 1, 10), "dskPercentNode")
LA_LOAD_1 = Get((*_UCD, 10, 1, 5, 1), "laLoadInt.1")  # in hundredths


def dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


def extend(name: str) -> tuple[Get, Get]:
    """NET-SNMP-EXTEND-MIB: the first line that a command of ``snmpd.conf`` printed, and its exit code."""
    index = (len(name), *name.encode("ascii"))
    return Get((*_EXTEND, 1, *index), f"extend {name}"), Get((*_EXTEND, 4, *index), f"nsExtendResult of {name}")

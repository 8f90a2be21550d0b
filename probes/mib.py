"""The items of MIBs that more than one kind of check reads, by their names there."""

from probes.reading import Get, Oid, Table

_HOST: Oid = (1, 3, 6, 1, 2, 1, 25)
_STORAGE = (*_HOST, 2, 3, 1)
_UCD: Oid = (1, 3, 6, 1, 4, 1, 2021)

SYS_UP_TIME = Get((1, 3, 6, 1, 2, 1, 1, 3, 0), "sysUpTime")  # RFC 3418: of the agent, in hundredths of a second

HR_DEVICE_TYPE = Table((*_HOST, 3, 2, 1, 2), "hrDeviceType")
HR_DEVICE_PROCESSOR: Oid = (*_HOST, 3, 1, 3)
HR_PROCESSOR_LOAD = Table((*_HOST, 3, 3, 1, 2), "hrProcessorLoad")  # RFC 2790
HR_STORAGE_DESCR = Table((*_STORAGE, 3), "hrStorageDescr")
HR_STORAGE_UNITS = Table((*_STORAGE, 4), "hrStorageAllocationUnits")
HR_STORAGE_SIZE = Table((*_STORAGE, 5), "hrStorageSize")
HR_STORAGE_USED = Table((*_STORAGE, 6), "hrStorageUsed")

LA_LOAD_1 = Get((*_UCD, 10, 1, 5, 1), "laLoadInt.1")  # UCD-SNMP-MIB, in hundredths

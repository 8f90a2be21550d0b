"""Ways of looking: one file per kind of check. A new kind is one file, one line here and one test."""

from types import MappingProxyType

from probes.alert import ALERT
from probes.backup import BACKUP
from probes.certificate import CERTIFICATE
from probes.cpu import CPU
from probes.dbsize import DBSIZE
from probes.disk import DISK
from probes.dns import DNS
from probes.eventlog import EVENTLOG
from probes.ftp import FTP
from probes.hardware import HARDWARE
from probes.heartbeat import HEARTBEAT
from probes.http import HTTP, URL
from probes.imap import IMAP
from probes.inode import INODE
from probes.interface import INTERFACE
from probes.ldap import LDAP
from probes.load import LOAD
from probes.logfile import LOGFILE
from probes.logins import LOGINS
from probes.mailqueue import MAILQUEUE
from probes.memory import MEMORY
from probes.mysql import MYSQL
from probes.ntp import NTP
from probes.ping import PING
from probes.pop3 import POP3
from probes.postgresql import POSTGRESQL
from probes.process import PROCESS
from probes.radius import RADIUS
from probes.smtp import SMTP
from probes.snmp_trap import SNMP_TRAP
from probes.spec import Spec
from probes.ssh import SSH
from probes.swap import SWAP
from probes.syslog import SYSLOG
from probes.tcp import TCP
from probes.traffic import TRAFFIC

PROBES: MappingProxyType[str, Spec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            *(
                PING,
                SSH,
                TCP,
                HTTP,
                URL,
                SMTP,
                POP3,
                IMAP,
                FTP,
                DNS,
                CERTIFICATE,
                NTP,
                RADIUS,
                LDAP,
                MYSQL,
                POSTGRESQL,
                DBSIZE,
                HARDWARE,
            ),
            *(LOGFILE, EVENTLOG),  # over NRPE
            *(HEARTBEAT, ALERT, SNMP_TRAP, SYSLOG),  # others speak
            *(CPU, LOAD, MEMORY, PROCESS, DISK, INODE, SWAP, TRAFFIC, INTERFACE, LOGINS, MAILQUEUE, BACKUP),  # readings
        )
    }
)

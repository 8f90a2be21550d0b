"""Real hosts on one machine: for tests and the demo.

`Bed` (network.py) is a network of its own, `Guest` (guest.py) a real systemd host in it, `MailGuest` (postfix.py) one with a real
Postfix, `DiskGuest` (disk_guest.py) one with disks that can be damaged and a rescue system to mend them, `Vm`
(vm.py) one with a kernel of its own, `PlainHost` (plain.py) what remains possible without root, `Sink` (sink.py) an SMTP server
that keeps every mail. `FAULTS` (faults.py) are what can befall them.
`able.why_not()` says why guests can't run here. Nothing in this package imports any of the product.
"""

"""C40: what a host writes into its log reaches its customer, with its text and a proposal; nothing is done about it."""

import socket
import subprocess
from pathlib import Path

from local import Door, Local, body, inventory
from misbehaving import free_of_all
from sqlmodel import func, select

from store.tables import Attempt

LINE = "blk_update_request: I/O error, dev sda, sector 12345 op 0x0:(READ)"


def test_a_line_that_means_trouble(tmp_path: Path) -> None:
    door, port = Door(), free_of_all()
    door.open()
    tree = inventory({"web01": door.port})
    tree["hosts"]["web01"]["checks"]["syslog"] = {}
    with Local(tmp_path, tree, syslog_port=port, syslog_bind="127.0.0.1") as local:
        assert isinstance(local, Local)
        local.running("engine", "watcher", "hands")
        for text in ("EXT4-fs (sda1): mounted filesystem", LINE, LINE):
            argv = ["logger", "-n", "127.0.0.1", "-P", str(port), "-T", "--rfc5424", "-t", "kernel", "-p", "kern.err", text]
            subprocess.run(argv, check=True)
        local.until("the mail", lambda: local.mails("office@shop.example"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            stranger.sendto(b"<3>kernel: Kernel panic", ("127.0.0.1", port))
        local.until("the notice", lambda: local.mails("first@hosting.example"))
        [mail] = local.mails("office@shop.example")
        said = " ".join(body(mail).split())
        assert str(mail["Subject"]).endswith("System log: Disk I/O errors")
        for words in (f"kernel: {LINE}", "it may be about to break", "We propose to make sure of the backup", "Nothing is done"):
            assert words in said
        [notice] = local.mails("first@hosting.example")
        assert "1 from 127.0.0.2" in " ".join(body(notice).split())
        assert {"opened", "run_started", "paged"}.isdisjoint(local.codes())
        with local.context.store.read() as session:
            assert session.exec(select(func.count()).select_from(Attempt)).one() == 0
    door.shut()

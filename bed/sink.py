"""An SMTP server that takes every mail and keeps it as a file: NNNN.eml, in order of arrival.

As a delivering server does, it puts `Return-Path` and `X-Original-To` (the envelope) on top; the rest is as it came.
"""

import asyncio
import email
import email.policy
import itertools
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session
from rich.console import Console
from rich.text import Text

from bed.process import wait_for

Show = Callable[[Path], object]


class Keeper:
    """Writes each mail into `folder` and hands its path to `show`. The handler aiosmtpd asks for."""

    def __init__(self, folder: Path, show: Show | None) -> None:
        self.folder = folder
        self._show = show
        folder.mkdir(parents=True, exist_ok=True)
        self._numbers = itertools.count(len(list(folder.glob("*.eml"))) + 1)

    # The name and the arguments are aiosmtpd's.
    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Keep the mail; the answer to the client (RFC 5321, 4.2.3)."""
        path = self.folder / f"{next(self._numbers):04}.eml"
        content = envelope.original_content or b""
        top = [f"Return-Path: <{envelope.mail_from or ''}>", *(f"X-Original-To: {to}" for to in envelope.rcpt_tos)]
        arriving = path.with_suffix(".arriving")
        arriving.write_bytes("".join(f"{line}\r\n" for line in top).encode() + content)
        arriving.replace(path)
        if self._show is not None:
            self._show(path)
        return "250 2.0.0 kept"


class Sink:
    """The server in a thread of this process; a context manager. `port` 0 takes a free one."""

    def __init__(self, folder: Path, host: str = "127.0.0.1", port: int = 0) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family)
        self._keeper = Keeper(folder, show=None)
        self.folder = folder
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="bed-sink", daemon=True)
        self._begun = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Take mail from now on."""
        self._thread.start()
        self._begun.wait()  # a loop that is stopped sooner would leave the socket open

    def stop(self) -> None:
        """Take no more; the files stay."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def mails(self) -> list[bytes]:
        """The mails so far, oldest first."""
        return [path.read_bytes() for path in sorted(self.folder.glob("*.eml"))]

    def wait_for(self, count: int, timeout_s: float = 15.0) -> list[bytes]:
        """The mails, once there are at least `count`."""
        wait_for(lambda: len(self.mails()) >= count, f"{count} mails in {self.folder}", timeout_s)
        return self.mails()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(
                self._loop.create_server(lambda: SMTP(self._keeper, loop=self._loop), sock=self._socket)
            )
        finally:
            self._begun.set()
        try:
            self._loop.run_forever()
        finally:
            server.close()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


async def serve(folder: Path, host: str, port: int, show: Show | None) -> None:
    """Take mail until cancelled."""
    keeper = Keeper(folder, show)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(keeper, loop=loop), host=host, port=port)
    async with server:
        await server.serve_forever()


def print_mail(path: Path) -> None:
    """Show a mail on the terminal: a line, and its text."""
    mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = mail.get_body(preferencelist=("plain",))
    console = Console()
    console.rule(Text(f"{mail['subject']} → {mail['to']}", style="bold"), align="left")
    console.print(Text(body.get_content().strip() if body is not None else "(no plain text)"))
    console.print(Text(str(path), style="dim"))

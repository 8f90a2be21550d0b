"""A host with a real Postfix that delivers mail for example.test into Maildirs (configured in rootfs/etc/postfix/)."""

from collections.abc import Sequence

from bed.guest import Guest
from bed.network import Bed
from bed.process import wait_for

DOMAIN = "example.test"


class MailGuest(Guest):
    """Accepts mail for `users` at `DOMAIN` on port 25, refuses other users of it (550) and relays nothing (554)."""

    smtp_port = 25

    def __init__(self, bed: Bed, users: Sequence[str], name: str = "mail") -> None:
        super().__init__(bed, name, services=("postfix",))
        mailboxes = "".join(f"{user}@{DOMAIN} {user}/\n" for user in users)
        (self.root / "etc/postfix/bed_mailboxes").write_text(mailboxes, encoding="ascii")

    def maildir(self, user: str) -> list[bytes]:
        """The messages delivered to `user`@example.test, oldest first, as Postfix wrote them (its own headers on top)."""
        new = self.root / "var/mail/bed" / user / "new"
        return [path.read_bytes() for path in sorted(new.glob("*"), key=lambda path: path.stat().st_mtime_ns)]

    def wait_for_mail(self, user: str, count: int = 1, timeout_s: float = 15.0) -> list[bytes]:
        """The messages of `user`, once there are at least `count`."""
        wait_for(lambda: len(self.maildir(user)) >= count, f"{count} mails to {user}@{DOMAIN}", timeout_s)
        return self.maildir(user)

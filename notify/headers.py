"""Header fields that are written exactly as meant (RFC 5322, RFC 2047).

The library's own types read encoded words (``=?utf-8?q?…?=``) in the text they are given and decode them, line ends
included: a host's label or a server's banner could so forge a header. These take text as text.
"""

from collections.abc import Iterable
from email.charset import BASE64, Charset
from email.header import Header
from email.headerregistry import Address, BaseHeader, HeaderRegistry
from email.policy import SMTP, Policy
from typing import Any

_UTF_8 = Charset("utf-8")
_UTF_8.header_encoding = BASE64


def encoded(text: str, policy: Policy, name: str) -> str:
    """The text as a field's content: as it is where it is ASCII that nobody can misread, else in encoded words."""
    return _written(text, Charset("us-ascii") if text.isascii() and "=?" not in text else _UTF_8, policy, name)


class LiteralHeader(BaseHeader):
    """What all of ours share: at most one of a name, and no parsing of what is written."""

    max_count = 1

    @classmethod
    def parse(cls, value: Any, kwds: dict[str, Any]) -> None:  # the library hands over whatever was assigned
        kwds["decoded"] = str(value)
        kwds["parse_tree"] = None

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self.content(policy)}{policy.linesep}"

    def content(self, policy: Policy) -> str:
        """The field's content, folded."""
        return encoded(str(self), policy, self.name)


class MailboxHeader(LiteralHeader):
    """One mailbox; takes an ``Address``."""

    address: Address

    @classmethod
    def parse(cls, value: Any, kwds: dict[str, Any]) -> None:  # as above
        super().parse(value, kwds)
        kwds["address"] = value

    def init(self, *args: Any, **kwds: Any) -> None:  # as above
        self.address = kwds.pop("address")
        super().init(*args, **kwds)

    def content(self, policy: Policy) -> str:
        name, mailbox = self.address.display_name, self.address.addr_spec
        if not name:
            return mailbox
        simple = name.isascii() and name.replace(" ", "").isalnum()
        return f"{name if simple else _written(name, _UTF_8, policy, self.name)} <{mailbox}>"


class MessageIdsHeader(LiteralHeader):
    """Message ids, folded between them only: the library would cut a long one into encoded words."""

    def content(self, policy: Policy) -> str:
        return f"{policy.linesep} ".join(self.split())


def _written(text: str, charset: Charset, policy: Policy, name: str) -> str:
    return Header(text, charset, maxlinelen=policy.max_line_length, header_name=name).encode(linesep=policy.linesep)


def _registry(types: Iterable[tuple[str, type[BaseHeader]]]) -> HeaderRegistry:
    registry = HeaderRegistry()
    for name, kind in types:
        registry.map_to_type(name, kind)
    return registry


MAIL_POLICY = SMTP.clone(
    header_factory=_registry(
        [
            ("subject", LiteralHeader),
            ("from", MailboxHeader),
            ("to", MailboxHeader),
            ("message-id", MessageIdsHeader),
            ("in-reply-to", MessageIdsHeader),
            ("references", MessageIdsHeader),
        ]
    )
)
"""How our mails are written: CRLF, lines of at most 78 characters, the fields above as meant."""

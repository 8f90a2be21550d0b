"""Handing a mail to the MTA (RFC 5321): taken, refused for good, or not now."""

import smtplib
import ssl
from email.message import EmailMessage

from notify.channel import Delivered, DeliveryError, SmtpSettings
from notify.cutoff import cut_off

ANSWERS_MAX = 8
"""What a conversation takes: an MTA whose answers never end is cut off after so many times the timeout of one."""


def deliver(message: EmailMessage, settings: SmtpSettings) -> Delivered:
    """Hand over one mail to its one recipient.

    Raises ``DeliveryError``: permanent where the MTA answered this mail with 5xx, else temporary. An MTA that is down,
    silent, overloaded or wrongly set up is always temporary, so that nothing is lost while it is repaired.
    """
    try:
        return Delivered(_converse(message, settings))
    except smtplib.SMTPResponseException as error:
        raise _refusal("us", error.smtp_code, error.smtp_error, settings, permanent=False) from error
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryError(f"MTA {settings.host}:{settings.port}: {error or type(error).__name__}", permanent=False) from error


def _converse(message: EmailMessage, settings: SmtpSettings) -> str:
    sender, to = (message[header].address for header in ("From", "To"))
    # we name ourselves by the sender's domain: the library would look our name up, for as long as a resolver is silent
    begun: list[_Smtp] = []
    with cut_off(settings.timeout_s * ANSWERS_MAX, lambda: begun[-1].sock if begun else None):
        smtp = _Smtp(begun, settings, sender.domain)
        try:
            return _hand_over(smtp, message, sender.addr_spec, to.addr_spec, settings)
        finally:
            smtp.close()


class _Smtp(smtplib.SMTP):
    """In ``begun`` before it connects, which takes the library's constructor as long as the greeting."""

    def __init__(self, begun: list["_Smtp"], settings: SmtpSettings, name: str) -> None:
        begun.append(self)
        super().__init__(settings.host, settings.port, local_hostname=name, timeout=settings.timeout_s)


def _hand_over(smtp: smtplib.SMTP, message: EmailMessage, sender: str, to: str, settings: SmtpSettings) -> str:
    smtp.ehlo_or_helo_if_needed()
    if settings.starttls:
        smtp.starttls(context=ssl.create_default_context(cafile=settings.ca_file))
        smtp.ehlo_or_helo_if_needed()
    _accepted("MAIL", smtp.mail(sender), settings)
    _accepted("RCPT", smtp.rcpt(to), settings)
    said = _accepted("DATA", _data(smtp, message.as_bytes()), settings)
    _leave(smtp)
    return said


def _data(smtp: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
    try:
        return smtp.data(content)
    except smtplib.SMTPDataError as error:
        return error.smtp_code, _bytes(error.smtp_error)


def _accepted(step: str, answer: tuple[int, bytes], settings: SmtpSettings) -> str:
    code, text = answer
    if not 200 <= code < 300:
        raise _refusal(step, code, text, settings, permanent=code >= 500)
    return f"{code} {_text(text)}"


def _leave(smtp: smtplib.SMTP) -> None:
    """Say goodbye. The mail was taken: how the MTA takes leave changes nothing, and must not make us send it again."""
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        return


def _refusal(step: str, code: int, answer: bytes | str, settings: SmtpSettings, *, permanent: bool) -> DeliveryError:
    said = f"MTA {settings.host}:{settings.port} answered {step}: {code} {_text(answer)}"
    return DeliveryError(said, permanent=permanent, of_recipient=step == "RCPT")


def _bytes(answer: bytes | str) -> bytes:
    return answer if isinstance(answer, bytes) else answer.encode()


def _text(answer: bytes | str) -> str:
    return " ".join(_bytes(answer).decode(errors="replace").split())[:200]

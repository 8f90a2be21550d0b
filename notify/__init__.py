"""Telling people: mails (R2-R4a, R7, R9) and webhooks, and the words for every reason code.

``CHANNELS`` maps a channel's name, as ``domain.commands.Notify.channel`` says it, to its way of sending.
"""

from notify import mail, webhook
from notify.channel import Delivered, DeliveryError, Send, Settings

CHANNELS: dict[str, Send] = {
    "mail": mail.send,
    "webhook": webhook.send,
}

__all__ = ["CHANNELS", "Delivered", "DeliveryError", "Send", "Settings"]

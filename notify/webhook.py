"""Webhooks for operators: one POST of JSON, no redirects.

Body: ``{"version": 1, "key", "messages": [{"key", "incident", "host", "message", "level", "at_s", "subject", "text",
"ack_url", "facts"}]}``; more than one message is a digest (R9). ``Idempotency-Key`` holds the key, so that a receiver can drop
what it has seen. Any 2xx means taken.
"""

import hashlib
import json
import logging
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from domain.commands import Notify
from domain.model import Operator, Policy, Secret
from notify.channel import Delivered, DeliveryError, Settings, ack_url_of, recipient_of
from notify.cutoff import cut_off
from notify.text import write

# it logs every request with its URL, which for most receivers is the secret
logging.getLogger("httpx").setLevel(logging.WARNING)

READS_MAX = 3
"""So many times the timeout of one read is the end of a request: a receiver that drips must not hold up the pages behind it."""
AGAIN = frozenset({408, 425, 429})
"""Client errors that pass by themselves."""


def send(notifies: Sequence[Notify], policy: Policy, settings: Settings) -> Delivered:
    operator = recipient_of(notifies[0], policy)
    if not isinstance(operator, Operator) or operator.webhook is None:
        raise DeliveryError(f"{operator.id} has no webhook", permanent=True)
    try:
        document = payload(notifies, policy, operator, settings)
    except ValueError as error:
        raise DeliveryError(f"cannot compose: {error}", permanent=True) from error
    try:
        status = _post(_url(operator.webhook, settings), document, settings.webhook_timeout_s)
    # only the kind of error, and no cause: its text may quote the URL
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise DeliveryError(f"webhook of {operator.id}: not an http or https URL", permanent=True) from None
    except httpx.HTTPError as error:
        raise DeliveryError(f"webhook of {operator.id}: {type(error).__name__}", permanent=False) from None
    if 200 <= status < 300:
        return Delivered(f"HTTP {status}")
    raise DeliveryError(f"webhook of {operator.id}: HTTP {status}", permanent=300 <= status < 500 and status not in AGAIN)


def _url(webhook: Secret | str, settings: Settings) -> str:
    if isinstance(webhook, str):
        return webhook
    try:
        return settings.resolve(webhook).strip()
    except ValueError as error:
        lasting = webhook.kind == "env"  # as long as this process; a file may be there the next time
        raise DeliveryError(str(error), permanent=lasting, of_recipient=lasting) from error


def payload(notifies: Sequence[Notify], policy: Policy, operator: Operator, settings: Settings) -> dict[str, object]:
    """The body to be posted; the same messages always give the same."""
    keys = "\n".join(notify.key for notify in notifies)
    key = notifies[0].key if len(notifies) == 1 else f"digest/{hashlib.sha256(keys.encode()).hexdigest()[:32]}"
    return {"version": 1, "key": key, "messages": [_message(notify, policy, operator, settings) for notify in notifies]}


def _message(notify: Notify, policy: Policy, operator: Operator, settings: Settings) -> dict[str, object]:
    ack_url = ack_url_of(notify, settings)
    text = write(notify, policy.brand, operator.language, ack_url)
    return {
        "key": notify.key,
        "incident": notify.incident,
        "host": notify.host,
        "message": str(notify.message),
        "level": notify.facts.get("level"),
        "at_s": notify.facts["at_s"],
        "subject": text.subject,
        "text": text.body,
        "ack_url": ack_url,
        "facts": dict(notify.facts),
    }


def _post(url: str, document: dict[str, object], timeout_s: float) -> int:
    body = json.dumps(document, ensure_ascii=False, sort_keys=True).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": str(document["key"])}
    lines: list[socket.socket] = []

    def trace(step: str, about: Mapping[str, Any]) -> None:
        if step == "connection.connect_tcp.complete":
            lines.append(about["return_value"].get_extra_info("socket").dup())  # TLS takes the first one over

    try:
        with (
            cut_off(timeout_s * READS_MAX, lambda: lines[-1] if lines else None),
            httpx.Client(timeout=timeout_s, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers, extensions={"trace": trace}) as response,
        ):
            # the answer's body is never read: it may be endless
            return response.status_code
    finally:
        for line in lines:
            line.close()

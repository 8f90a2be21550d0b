"""``certificate`` (C45): how many days the certificate of a TLS endpoint is still good for (RFC 5280 4.1.2.5).

It is read whoever signed it, and after its end as well: whether it is valid is for the kinds to say that use the service.
"""

import warnings
from datetime import UTC, datetime
from math import floor

from cryptography import x509

from domain.model import FaultClass, Level
from domain.observation import Limit, Observation, down, up
from probes import ftp, imap, option, pop3, smtp
from probes.option import Option
from probes.spec import Connect, Dialogue, Now, PeerCertificate, Spec, Talk, Target, Tls
from probes.way_in import Protocol

DAY_S = 86_400
_PROTOCOLS: dict[str, Protocol] = {"smtp": smtp.PROTOCOL, "pop3": pop3.PROTOCOL, "imap": imap.PROTOCOL, "ftp": ftp.PROTOCOL}
_IN_CLEAR = {21: "ftp", 25: "smtp", 110: "pop3", 143: "imap", 587: "smtp"}
_LIMITS = tuple(
    Limit(level, "<", days, " days") for level, days in ((Level.SERVICE_DOWN, 0.0), (Level.MINOR, 7.0), (Level.WARNING, 21.0))
)


def _look(target: Target) -> Dialogue:
    port: int = target.options["port"]
    tls = Tls(target.options["server_name"] or target.called, verify=False)
    spoken: str = target.options["starttls"] or _IN_CLEAR.get(port, "none")
    if spoken == "none":
        yield Connect(target.address, port, tls)
    else:
        yield Connect(target.address, port)
        greeting = yield from _PROTOCOLS[spoken].greet()
        if isinstance(greeting, Observation):
            return greeting
        if (refusal := (yield from _PROTOCOLS[spoken].start_tls(tls))) is not None:
            return refusal
    shown = yield PeerCertificate()
    return _judged(shown, float((yield Now())))


def _judged(shown: bytes, now_s: float) -> Observation:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd serial number, say: when it ends is all that is asked for
            ends = x509.load_der_x509_certificate(shown).not_valid_after_utc
    except (ValueError, x509.InvalidVersion):
        return down("its certificate can't be read" if shown else "shows no certificate")
    days = floor((ends - datetime.fromtimestamp(now_s, UTC)).total_seconds() / DAY_S * 10) / 10  # as it is said in mails
    words = f"its certificate {'ended' if days < 0 else 'ends'} on {ends:%Y-%m-%d %H:%M} UTC"
    passed = next((limit for limit in _LIMITS if days < limit.value), None)
    return up(words, days) if passed is None else down(words, days, passed)


CERTIFICATE = Spec(
    name="certificate",
    source="C45",
    doc="Shows a certificate that is good for 21 days or more: else Lv.2; under 7 days Lv.3; at its end Lv.4",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1: without a connection there is no service; the days have levels of their own
    fault_class=FaultClass.RESOURCE,  # R4: no restart renews a certificate
    options={
        "port": Option("TCP port; 443 by default", option.port, 443),
        "server_name": Option("name to ask for (SNI); by default none", option.server_name),
        "starttls": Option(
            "none, or what is spoken before TLS: smtp, pop3, imap or ftp; by default what the port implies (21, 25, 110, 143, 587)",
            option.choice("none", *_PROTOCOLS),
        ),
    },
    unit=" days",
)

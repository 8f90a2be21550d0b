"""A certificate that ends when a test says."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_KEY = ec.generate_private_key(ec.SECP256R1())


def der(ends_s: float) -> bytes:
    """Signed by itself; ``ends_s``: epoch seconds, whole."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.com")])
    ends = datetime.datetime.fromtimestamp(ends_s, datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(_KEY.public_key())
        .serial_number(1)
        .not_valid_before(ends - datetime.timedelta(days=3650))
        .not_valid_after(ends)
        .sign(_KEY, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)

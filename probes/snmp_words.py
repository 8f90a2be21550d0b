"""The words of SNMPv3 in inventories: protocols that sign (RFC 3414, RFC 7860) and that encrypt (RFC 3414, RFC 3826)."""

AUTH = ("sha-256", "sha-512", "sha-384", "sha-224", "sha-1", "md5")
PRIVACY = ("aes-128", "aes-192", "aes-256", "des")
MAX_NAME_CHARS = 32

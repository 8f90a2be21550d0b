"""What looks like a secret in a text that was read from a host, or written by a person. Rather too much is struck out than too
little: a text goes to mails, logs and the store, where it stays."""

import re

_STRUCK = "***"
_NAME = (
    r"(?:passw(?:or)?[dt]|passphrase|pass[_-]?key|(?<![a-z])pass(?![a-z])|(?<=[a-z])pass(?=[\"']?\s?[=:])|pwd|(?<![a-z])pin(?![a-z])"
    r"|secret|token|credential|bearer|authorization|(?:api|access|private|signing|encryption)[_-]?key)"
)
"""A part of the names of what is secret: of a variable, a key, an option."""
_REST = r"(?![\w-]{0,30}[_-](?:file|path|fd)\b)[\w-]{0,40}"
"""The rest of such a name; what a secret is read from is none itself."""
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"?|'(?:[^'\\\n]|\\.)*'?"
_VALUE = rf"(?:{_QUOTED}|(?:(?:bearer|basic|digest|token)[ \t]+)?[^\s,;]+)"
_STATES = r"(?:not|no|too|now|being|required|needed|missing|empty|expired|incorrect|wrong|invalid|locked|disabled|set|unset)\b"
"""What a password is called that is not said."""
_OTHER = r"(?=[^\s-])"
"""What follows an option, where it is no other one."""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | flags), put)
    for pattern, flags, put in (
        (r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:(?!-----END).){0,8192}", re.DOTALL, rf"\1{_STRUCK}"),
        # The last @ counts: a password may hold one.
        (r"(://)(?:[^\s/@:]{0,200}:\S{0,300}@|[^\s/?#@]{1,300}@)", 0, rf"\1{_STRUCK}@"),
        # sudo writes the working directory of each command into the journal.
        (rf"(?!(?-i:PWD)=/)({_NAME}{_REST}[\"']?[ \t]*[=:>]{{1,2}}[ \t]*){_VALUE}", 0, rf"\1{_STRUCK}"),
        (r"(\bauth=)[^\s,;]+", 0, rf"\1{_STRUCK}"),
        (rf"((?<!\S)-{{1,2}}(?!-|no-|skip-|without-)[\w-]{{0,40}}?{_NAME}{_REST}[ \t]+){_OTHER}{_VALUE}", 0, rf"\1{_STRUCK}"),
        (rf"(\bbearer[ \t-]+)(?={_OTHER}\S{{8}}){_VALUE}", 0, rf"\1{_STRUCK}"),
        (rf"(\bpassw(?:or)?d\b[^\n;]{{0,40}}?\bis[ \t]+)(?!{_STATES}){_VALUE}", 0, rf"\1{_STRUCK}"),
        (rf"(\bidentified\s+(?:with\s+\S+\s+)?(?:by|as)\s+(?:password\s+)?){_VALUE}", 0, rf"\1{_STRUCK}"),
        # Options that only some programs take a password by.
        (r"(\b(?:mysql|mariadb)[\w-]*\b[^\n|]{0,200}?\s-p) ?[^\s-]\S*", 0, rf"\1{_STRUCK}"),
        (r"(\b(?:sshpass|mongo\w*)\b[^\n|]{0,200}?\s-p) ?[^\s-]\S*", 0, rf"\1{_STRUCK}"),
        (r"(\bredis-cli\b[^\n|]{0,200}?\s-a) ?[^\s-]\S*", 0, rf"\1{_STRUCK}"),
        (r"(\bldap\w+\b[^\n|]{0,200}?\s-w) ?[^\s-]\S*", 0, rf"\1{_STRUCK}"),
        (r"(\bipmitool\b[^\n|]{0,200}?\s(?-i:-P)) ?[^\s-]\S*", 0, rf"\1{_STRUCK}"),
        (r"((?<!\S)(?:-u|--user|-U)[ =]?[^\s:%/]{1,60}[:%])[^\s/]\S*", 0, rf"\1{_STRUCK}"),
        # What tells by itself that it is one.
        (r"\b(?:gh[opsur]_|github_pat_|glpat-|xox[abeprs]-|sk-|sk_live_|npm_|hvs\.|dckr_pat_|AIza|AKIA|eyJ)[\w.-]{8,}", 0, _STRUCK),
    )
)


def without_secrets(text: str) -> str:
    """The text, with ``***`` in the place of what looks like a secret."""
    for pattern, put in _RULES:
        text = pattern.sub(put, text)
    return text

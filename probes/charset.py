"""The text of a response's body, by the charset it says it has (C11)."""

import re

_SAFE = {
    "utf-8", "utf-16", "ascii", "cp932", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr", "koi8-r", "koi8-u",
    *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)), *(f"cp125{page}" for page in range(9)), "cp874",
}  # fmt: skip
_LABELS = {
    **{name.replace("_", "-"): name for name in _SAFE},
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    **{f"windows-125{page}": f"cp125{page}" for page in range(9)},
    "utf8": "utf-8", "us-ascii": "cp1252", "iso-8859-1": "cp1252", "latin1": "cp1252",
    "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "windows-31j": "cp932", "ms932": "cp932", "x-euc-jp": "euc_jp",
    "iso-2022-jp": "iso2022_jp", "gbk": "gb18030", "gb2312": "gb18030", "euc-kr": "euc_kr",
    "utf-16le": "utf-16-le", "utf-16be": "utf-16-be",
}  # fmt: skip
"""What browsers understand (WHATWG Encoding, 4.2), not all that Python has: some of its codecs take minutes for a hostile body."""

_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_META = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_PARAMETER = re.compile(rb"charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)


def decoded(content_type: bytes, body: bytes) -> str:
    """By byte order mark, else the charset of ``content_type``, else of the page's ``<meta>`` in its first 1024 bytes, else UTF-8.

    Never raises: what is no text in that charset becomes U+FFFD.
    """
    for mark, codec in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace")
    for found in (_PARAMETER.search(content_type[:1024]), _META.search(body[:1024])):
        named = _LABELS.get(found[1].decode("ascii", "replace").lower().replace("_", "-")) if found else None
        if named is not None:
            return body.decode(named, "replace")
    return body.decode("utf-8", "replace")

"""How values read in a text: times with their offset (R7), durations, plain strings. Nothing here reads a clock."""

import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

from domain.commands import Fact
from domain.model import Language

TEXT_MAX = 1000
"""Characters of one fact in a text; longer ones end in an ellipsis."""
NOTHING = "—"

_WEEKDAYS: dict[Language, str] = {"ja": "月火水木金土日", "en": "MonTueWedThuFriSatSun"}


def plain(text: str) -> str:
    """One line of harmless text: controls, line ends, bidirectional overrides and lone surrogates become spaces, so that
    a host's label or a server's banner can neither forge a header nor a line of a mail."""
    kept = "".join(" " if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" else char for char in text)
    return shortened(" ".join(kept.split()), TEXT_MAX)


def shortened(text: str, most: int) -> str:
    """At most so many characters; what is cut ends in an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def moment(at_s: float, zone: str, language: Language) -> str:
    """A time in the reader's zone, offset shown: ``Thu 2025-01-02 03:04:05 +09:00``, ``2025-01-02(木) 03:04:05 +09:00``."""
    at = datetime.fromtimestamp(int(at_s), ZoneInfo(zone))
    offset = at.strftime("%z")
    clock = f"{at:%H:%M:%S} {offset[:3]}:{offset[3:5]}"
    if language == "ja":
        return f"{at:%Y-%m-%d}({_WEEKDAYS['ja'][at.weekday()]}) {clock}"
    return f"{_WEEKDAYS['en'][at.weekday() * 3 :][:3]} {at:%Y-%m-%d} {clock}"


def duration(seconds: float, language: Language) -> str:
    """A span: ``40 s``, ``15 min``, ``1 min 30 s``, ``2 h 5 min``; seconds are left out from an hour on."""
    hour, minute, second = ("時間", "分", "秒") if language == "ja" else ("h", "min", "s")
    total = max(0, int(seconds))
    hours, minutes, rest = total // 3600, total % 3600 // 60, total % 60
    parts = [(hours, hour), (minutes, minute)] if hours else [(minutes, minute), (rest, second)]
    said = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(said) if said else f"0 {second}"


def minutes(seconds: float, language: Language) -> str:
    """How long it has lasted, in minutes (R3)."""
    count = int(seconds // 60)
    if language == "ja":
        return f"{count} 分" if count else "1 分未満"
    return f"{count} min" if count else "less than 1 min"


def number(value: str | float) -> str:
    """A measured value: at most three decimals, no trailing zeros."""
    if isinstance(value, str):
        return value
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


WORDS: dict[str, dict[Language, dict[str, str]]] = {
    "action": {
        "ja": {
            "look": "状態の確認",
            "announce": "作業開始のお知らせ",
            "restart_service": "サービスの再起動",
            "restart_network": "ネットワークの再起動",
            "diagnose": "診断情報の採取・保存",
            "fsck": "ファイルシステムの検査・修復",
            "fsck_at_boot": "次回起動時のファイルシステム検査の予約",
            "command": "運用手順のコマンド実行",
            "power": "電源の操作",
            "reboot": "サーバの再起動",
        },
        "en": {
            "look": "Look",
            "announce": "Say that work starts",
            "restart_service": "Restart of the service",
            "restart_network": "Restart of the network",
            "diagnose": "Diagnosis, kept with the incident",
            "fsck": "File system check and repair",
            "fsck_at_boot": "File system check at the next boot, arranged",
            "command": "Command of the operation procedure",
            "power": "Power control",
            "reboot": "Reboot of the server",
        },
    },
    "outcome": {
        "ja": {
            "done": "完了",
            "failed": "失敗",
            "not_done": "実施できず",
            "unreached": "接続できず実施できず",
            "up": "正常",
            "down": "異常",
            "unknown": "不明",
            "refused": "実施せず",
            "late": "実施せず(時間超過)",
            "fixed": "復旧",
            "gone": "障害は解消済み",
            "not_fixed": "未復旧",
            "lost": "報告なし(期限超過)",
        },
        "en": {
            "not_done": "could not be done",
            "unreached": "could not be begun, the host was not reached",
            "refused": "not done",
            "late": "not done, too late",
            "gone": "the fault was gone",
            "not_fixed": "not fixed",
            "lost": "not heard of again",
        },
    },
    "scope": {
        "ja": {"all_hosts": "すべてのホスト", "customer": "同じお客様のホスト", "parent": "同じ収容先のホスト"},
        "en": {"all_hosts": "all hosts", "customer": "hosts of the same customer", "parent": "hosts on the same parent"},
    },
    "channel": {"ja": {"mail": "メール"}, "en": {}},
    "message": {
        "ja": {
            "fault": "障害のお知らせ",
            "level_change": "レベル変更のお知らせ",
            "work_started": "作業開始のお知らせ",
            "recovered": "復旧のお知らせ",
            "not_recovered": "未復旧のお知らせ",
            "flapping": "不安定のお知らせ",
            "settled": "安定のお知らせ",
            "watch_ended": "監視終了のお知らせ",
            "page": "呼び出し",
            "notice": "通知",
        },
        "en": {
            "level_change": "change of level",
            "work_started": "work starts",
            "not_recovered": "not recovered",
            "watch_ended": "no longer monitored",
        },
    },
}
"""Words for values that are names of ours; one without a word is shown as it is."""


def shown(name: str, value: Fact, zone: str, language: Language) -> str:
    """A fact as text, by its name: ``…at_s``, ``until_s`` and ``due_s`` are times, other ``…_s`` are spans."""
    if value is None or value in ("", ()):
        return NOTHING
    if isinstance(value, tuple):
        return plain(", ".join(value))
    if isinstance(value, bool):
        return {"ja": ("いいえ", "はい"), "en": ("no", "yes")}[language][value]
    if isinstance(value, str):
        return plain(WORDS.get(name, {}).get(language, {}).get(value, value))
    if name in ("at_s", "until_s", "due_s") or name.endswith("_at_s"):
        return moment(value, zone, language)
    if name.endswith("_s"):
        return duration(value, language)
    return number(value)


def width(text: str) -> int:
    """Columns in a fixed-width font: full-width characters take two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def padded(text: str, columns: int) -> str:
    """The text filled with spaces to so many columns."""
    return text + " " * max(0, columns - width(text))

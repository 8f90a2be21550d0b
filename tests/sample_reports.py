"""An incident report with all it can hold, for tests."""

from domain.model import Language
from reports.incident import IncidentReport, Moment, Omission, Sent, What, Work

FAULT_S = 1_735_754_500.0  # Thu 2025-01-02 03:01:40 in Asia/Tokyo

TEXTS: dict[Language, dict[str, str]] = {
    "ja": {
        "customer": "株式会社サンプル",
        "confirmed": "web01 の HTTP が 3 回続けて正常に応答しませんでした。",
        "told": "障害を Lv.4 としてお客様にお知らせしました。",
        "checked": "再度確認し、障害が続いていることを確かめました。",
        "restarted": "SSH でログインし、nginx.service を再起動しました。",
        "looked": "再起動後の状態を確認しました。",
        "recovered": "HTTP と SSH が再び正常に応答しました。",
        "done": "成功",
        "cycled": "電源を切り、入れ直しました",
        "repaired": "/dev/sdb のファイルシステムを検査し、必要な修復を行いました",
        "corrected": "不整合を 6 件修復しました。2 件のファイルは復元できず、失われました。",
        "omitted": "サーバー全体の再起動",
        "why": "サービスの再起動で復旧したため、必要がありませんでした。",
        "subject": "[火の見 Monitoring][Lv.4] web01 HTTP 障害",
        "recipient": "情報システム部",
    },
    "en": {
        "customer": "Sample Corporation",
        "confirmed": "HTTP on web01 did not answer as it should, 3 times in a row.",
        "told": "The customer was told of the fault as Lv.4.",
        "checked": "Checked once more: the fault was still there.",
        "restarted": "Logged in by SSH and restarted nginx.service.",
        "looked": "Looked at the service after the restart.",
        "recovered": "HTTP and SSH answered as they should again.",
        "done": "done",
        "cycled": "Power switched off and on again",
        "repaired": "File system on /dev/sdb checked, and repaired where needed",
        "corrected": "Inconsistencies corrected: 6. Files that could not be saved: 2.",
        "omitted": "Rebooting the whole server",
        "why": "It was not needed: restarting the service brought recovery.",
        "subject": "[火の見 Monitoring][Lv.4] web01 HTTP is down",
        "recipient": "IT desk",
    },
}


def a_report(language: Language = "ja", rows: int = 0) -> IncidentReport:
    """An outage of nine minutes; with ``rows`` further lines in its timeline."""
    text = TEXTS[language]
    more = tuple(Moment(FAULT_S + 250 + number, What.DECISION, f"{text['looked']} #{number}") for number in range(rows))
    return IncidentReport(
        language=language,
        zone="Asia/Tokyo",
        brand="火の見 Monitoring",
        sender="alert@example.test",
        customer=text["customer"],
        incident="INC-000123",
        label="web01",
        address="192.0.2.10",
        fqdn="web01.example.test",
        device_type="server",
        os="Debian 12",
        level=4,
        checks=("web01/http", "web01/url"),
        cause="connection refused",
        fault_at_s=FAULT_S,
        confirmed_at_s=FAULT_S + 140,
        first_notice_at_s=FAULT_S + 145,
        work_at_s=FAULT_S + 470,
        recovered_at_s=FAULT_S + 561,
        acted=True,
        fixed=True,
        written_at_s=FAULT_S + 600,
        timeline=(
            Moment(FAULT_S, What.FAULT, "connection refused"),
            Moment(FAULT_S + 140, What.FAULT, text["confirmed"]),
            Moment(FAULT_S + 145, What.NOTICE, text["told"]),
            *more,
            Moment(FAULT_S + 465, What.DECISION, text["checked"]),
            Moment(FAULT_S + 470, What.WORK, text["restarted"], text["done"]),
            Moment(FAULT_S + 500, What.WORK, text["looked"], text["done"]),
            Moment(FAULT_S + 561, What.RECOVERY, text["recovered"]),
        ),
        work=(
            Work(FAULT_S + 470, text["cycled"], text["done"], power=True),
            Work(FAULT_S + 490, text["repaired"], text["corrected"], lost=("/archive/0163", "/archive/<b>0164</b>")),
            Work(FAULT_S + 495, text["cycled"], text["done"], power=True),
        ),
        omissions=(Omission(FAULT_S + 470, text["omitted"], text["why"]),),
        sent=(
            Sent(FAULT_S + 145, text["recipient"], "mail", text["subject"]),
            Sent(FAULT_S + 565, text["recipient"], "mail", text["subject"]),
        ),
    )

"""What checks are called, and what a fault of a level means for the customer (R4a)."""

from domain.model import Language

NAMES: dict[Language, dict[str, str]] = {
    "ja": {
        "ping": "ping", "ssh": "SSH", "tcp": "TCP ポート", "http": "HTTP", "url": "Web ページ",
        "smtp": "SMTP", "pop3": "POP3", "imap": "IMAP", "ftp": "FTP", "dns": "DNS", "ntp": "NTP", "radius": "RADIUS",
        "logfile": "ログファイル", "eventlog": "イベントログ",
        "ldap": "LDAP", "mysql": "MySQL", "postgresql": "PostgreSQL", "heartbeat": "定期報告", "alert": "外部監視のアラート",
        "dbsize": "データベース容量", "syslog": "システムログ",
        "certificate": "TLS 証明書",
        "cpu": "CPU 使用率", "memory": "メモリ使用率", "swap": "スワップ使用率", "process": "プロセス",
        "logins": "ログイン中のユーザー数", "traffic": "トラフィック", "interface": "ネットワークインターフェース",
        "load": "ロードアベレージ",
        "mailqueue": "メールキュー", "backup": "バックアップ",
        "snmp-trap": "SNMP トラップ",
        "hardware": "ハードウェア", "disk": "ディスク使用率", "inode": "inode 使用率",
    },
    "en": {
        "ping": "ping", "ssh": "SSH", "tcp": "TCP port", "http": "HTTP", "url": "web page",
        "smtp": "SMTP", "pop3": "POP3", "imap": "IMAP", "ftp": "FTP", "dns": "DNS", "ntp": "NTP", "radius": "RADIUS",
        "logfile": "Log file", "eventlog": "Event log",
        "ldap": "LDAP", "mysql": "MySQL", "postgresql": "PostgreSQL", "heartbeat": "Regular report", "alert": "Alert",
        "dbsize": "Database size", "syslog": "System log",
        "certificate": "TLS certificate", "snmp-trap": "SNMP trap",
        "cpu": "CPU usage", "memory": "Memory usage", "swap": "Swap usage", "process": "Process", "logins": "Users logged in",
        "traffic": "Traffic", "interface": "Network interface", "load": "Load avg.",
        "mailqueue": "Mail queue", "backup": "Backup", "hardware": "Hardware", "disk": "Disk usage", "inode": "Inode usage",
    },
}  # fmt: skip
"""What a kind of check is called in subjects and bodies."""

BY_KIND: dict[Language, dict[tuple[str, int], str]] = {
    "ja": {
        (
            "ping",
            5,
        ): "サーバーに到達できません。Web サイトやメールなど、すべてのサービスがご利用いただけない可能性があります。",
        ("ssh", 4): "サーバーへのリモートログインができません。サーバー上の他のサービスにも影響が及んでいる可能性があります。",
        ("tcp", 4): "このポートで提供しているサービスがご利用いただけません。",
        ("http", 4): "Web サイトが表示されない、または正しく応答しない状態です。",
        ("url", 4): "Web ページに期待した内容が表示されていません。",
        ("smtp", 4): "メールの送受信ができない可能性があります。",
        ("pop3", 4): "メールの受信(POP3)ができない状態です。",
        ("imap", 4): "メールの受信・閲覧(IMAP)ができない状態です。",
        ("ftp", 4): "ファイルの転送(FTP)ができない状態です。",
        ("heartbeat", 4): "定期的に行われるはずの処理(バックアップなど)が、行われていないか失敗した可能性があります。",
        ("alert", 4): "別の監視システムがアラートを出しています。",
        ("backup", 3): "最新のバックアップが、失敗したか、予定の時間を過ぎているか、復元できない可能性があります。",
        ("hardware", 3): "サーバの部品(ディスク、電源、ファンなど)に異常がある可能性があります。",
        ("ldap", 4): "ディレクトリ(LDAP)に接続できず、ログインなどができない可能性があります。",
        ("mysql", 4): "データベース(MySQL)に接続できず、これを使うサイトやサービスがご利用いただけない可能性があります。",
        ("postgresql", 4): "データベース(PostgreSQL)に接続できず、これを使うサイトやサービスがご利用いただけない可能性があります。",
        (
            "dbsize",
            3,
        ): "データベースの容量が上限に近づいているか、容量を確認できません。上限に達すると書き込みができなくなります。",
        ("dns", 4): "ドメイン名の名前解決ができず、Web サイトの閲覧やメールの送受信ができない可能性があります。",
        ("certificate", 2): "証明書の有効期限が近づいています。お早めに更新をご検討ください。",
        ("certificate", 3): "証明書の有効期限が間近です。期限を過ぎると、閲覧時に警告が表示されるようになります。",
        (
            "certificate",
            4,
        ): "証明書の有効期限が切れているか、確認できない状態です。閲覧時に警告が表示される可能性があります。",
        (
            "snmp-trap",
            3,
        ): "インターフェースの停止や再起動などを、機器自身が知らせています。検知内容をご確認ください。",
        ("logfile", 3): "監視対象の文字列がログに記録されたか、ログを確認できません。検知内容をご確認ください。",
        (
            "eventlog",
            3,
        ): "Windows のイベントログに警告やエラーが記録されたか、ログを確認できません。検知内容をご確認ください。",
        ("syslog", 2): "ログに、ハードウェアまたはソフトウェアの異常を示す記録があるか、ログが届いていません。",
        ("radius", 4): "利用者の認証(RADIUS)ができず、ネットワークへの接続などに影響が出る可能性があります。",
        ("ntp", 3): "サーバーの時計にずれが生じています。記録の時刻や、時刻に基づく処理に影響が出る可能性があります。",
        ("ntp", 4): "時刻の配信(NTP)が停止しており、利用する機器の時計にずれが生じる可能性があります。",
        ("cpu", 3): "サーバーの処理が混み合っており、応答が遅くなる可能性があります。",
        ("memory", 3): "メモリの空きが少なくなっており、応答が遅くなる、または処理が中断される可能性があります。",
        ("swap", 3): "メモリが不足しており、応答が大幅に遅くなる可能性があります。",
        ("process", 4): "必要なプロセスが動作していないため、関連するサービスがご利用いただけない可能性があります。",
        ("traffic", 3): "通信量が多く、アクセスに遅延が生じる可能性があります。",
        ("interface", 3): "このインターフェースを経由する通信ができない可能性があります。",
        ("logins", 3): "ご想定より多くのユーザーがログインしています。お心当たりをご確認ください。",
        ("load", 2): "アクセスにわずかな遅延が生じる可能性があります。",
        ("load", 3): "アクセスに大きな遅延が生じている可能性があります。",
        ("load", 4): "アクセスに大きな遅延が生じており、接続できなくなる可能性があります。",
        ("mailqueue", 2): "通常のご利用の範囲ですが、送信待ちのメールの数にご注意ください。",
        ("mailqueue", 3): "メールの配送に少し遅れが生じる可能性があります。",
        ("mailqueue", 4): "メールの配送に遅れが生じています。",
        ("disk", 2): "不要なファイルの整理、またはディスクの追加をご検討ください。",
        ("disk", 3): "ファイルの書き込みなどの操作が容量の上限に達する可能性があります。",
        ("disk", 4): "ディスクの空き容量がありません。アクセスに影響が出ています。",
        ("inode", 2): "ドメインの追加など、今後のファイル数の増加にご注意ください。",
        ("inode", 3): "ファイル数を減らすか、ディスクの追加が必要です。",
        ("inode", 4): "メールの受信やアップロードなど、ファイルを作成する処理ができません。",
    },
    "en": {
        ("ping", 5): "The server cannot be reached. Websites, mail and everything else on it may be out of use.",
        ("ssh", 4): "Nobody can log in to the server remotely. Other services on it may be affected too.",
        ("tcp", 4): "The service on this port cannot be used.",
        ("http", 4): "The website does not open, or does not answer as it should.",
        ("url", 4): "The web page does not show what it should.",
        ("smtp", 4): "Mail may be neither received nor sent.",
        ("pop3", 4): "Mail cannot be fetched (POP3).",
        ("imap", 4): "Mail cannot be read (IMAP).",
        ("ftp", 4): "Files cannot be transferred (FTP).",
        ("heartbeat", 4): "Work that is done regularly, such as a backup, was not done, or failed.",
        ("alert", 4): "Another monitoring raises an alert.",
        ("backup", 3): "The last backup failed, is too old, or may not be restorable.",
        ("hardware", 3): "A part of the server, such as a disk, a power supply or a fan, may be faulty.",
        ("ldap", 4): "The directory (LDAP) does not answer as it should: logins that ask it may fail.",
        ("mysql", 4): "The database (MySQL) does not let its account in: sites and services that use it may not work.",
        ("postgresql", 4): "The database (PostgreSQL) does not let its account in: sites and services that use it may not work.",
        (
            "dbsize",
            3,
        ): "The database is close to the size it may have, or its size can't be seen. At its limit nothing more can be written.",
        ("dns", 4): "Names may not be resolved, so websites may not open and mail may not arrive.",
        ("certificate", 2): "The certificate ends soon. Please plan its renewal.",
        ("certificate", 3): "The certificate is about to end. After that, visitors will see a warning.",
        ("certificate", 4): "The certificate has ended, or cannot be looked at: visitors may see a warning, or nothing at all.",
        ("snmp-trap", 3): "The device itself reports a trouble or a change, such as an interface that is down, or its own restart.",
        ("logfile", 3): "The log has a line with the words that are watched for, or cannot be read. Please see what was detected.",
        ("eventlog", 3): "Windows' event logs have a new warning or error, or cannot be read. Please see what was detected.",
        ("syslog", 2): "The log has a line that means trouble of hardware or software, or no log arrives.",
        ("radius", 4): "Users cannot be authenticated (RADIUS), so they may not get onto the network.",
        ("ntp", 3): "The server's clock is off. Times in records, and whatever runs by the clock, may be affected.",
        ("ntp", 4): "The time (NTP) is not served, and the clocks of those that use it may drift.",
        ("cpu", 3): "The server is busy; it may answer more slowly.",
        ("memory", 3): "Little memory is left; answers may be slow, or work may be cut short.",
        ("swap", 3): "Memory is short; answers may be much slower.",
        ("process", 4): "A process that is needed does not run, so its service may be out of use.",
        ("traffic", 3): "There is much traffic; access may be delayed.",
        ("interface", 3): "What goes through this interface may not get through.",
        ("logins", 3): "More users are logged in than expected. Please check whether you know them.",
        ("load", 2): "Access may be slightly delayed.",
        ("load", 3): "Access may be heavily delayed.",
        ("load", 4): "Access is heavily delayed and may be cut off.",
        ("mailqueue", 2): "This is within ordinary use, but the number of waiting mails is worth your attention.",
        ("mailqueue", 3): "Mail may arrive a little late.",
        ("mailqueue", 4): "Mail arrives late.",
        ("disk", 2): "Please tidy up files you no longer need, or consider more disk space.",
        ("disk", 3): "Writing files may soon hit the limit.",
        ("disk", 4): "No disk space is left, and access suffers from it.",
        ("inode", 2): "Please keep an eye on new domains and on how many files they bring.",
        ("inode", 3): "Fewer files or more disk space are needed.",
        ("inode", 4): "Nothing that creates files works any more, such as receiving mail or uploading.",
    },
}
"""What a fault of this kind and level means."""

BY_LEVEL: dict[Language, dict[int, str]] = {
    "ja": {
        2: "通常のご利用に影響はありませんが、ご注意ください。",
        3: "一部のご利用に軽い影響が出る可能性があります。",
        4: "対象のサービスがご利用いただけない可能性があります。",
        5: "サーバーに到達できず、すべてのサービスがご利用いただけない可能性があります。",
    },
    "en": {
        2: "Ordinary use is not affected, but it is worth your attention.",
        3: "Some uses may be slightly affected.",
        4: "The service concerned may be out of use.",
        5: "The server cannot be reached; everything on it may be out of use.",
    },
}
"""What a level means where its kind has no words of its own for it (R1)."""


def name(kind: str, language: Language) -> str:
    return NAMES[language].get(kind, kind)


def meaning(kind: str, level: int, language: Language) -> str:
    """What it means for the customer that a check of this kind fails at this level."""
    return BY_KIND[language].get((kind, level)) or BY_LEVEL[language][level]

"""What a finding in a log means, and what is proposed (C40): the words for ``probes.syslog_patterns``."""

from typing import NamedTuple

from domain.model import Language


class Words(NamedTuple):
    name: str
    meaning: str
    proposal: str


FINDINGS: dict[Language, dict[str, Words]] = {
    "ja": {
        "raid": Words(
            "RAID の異常",
            "RAID を構成するディスクが故障した可能性があります。さらに別のディスクが故障すると、データを失うおそれがあります。",
            "早めのディスク交換をご提案します。交換の前に、バックアップが取得できていることをご確認ください。",
        ),
        "disk": Words(
            "ディスクの読み書きエラー",
            "ディスクへの読み書きに失敗しています。ディスクが故障しかけている可能性があります。",
            "バックアップをご確認のうえ、ディスクの診断と交換をご提案します。",
        ),
        "smart": Words(
            "ディスクの自己診断(SMART)の警告",
            "ディスクの自己診断が、故障の兆候を示しています。",
            "故障する前の、計画的なディスク交換をご提案します。",
        ),
        "filesystem": Words(
            "ファイルシステムの異常",
            "ファイルシステムに不整合が見つかりました。書き込みができなくなったり、ファイルが失われたりする可能性があります。",
            "バックアップをご確認のうえ、サービスを止められる時間帯でのファイルシステムの検査と修復をご提案します。",
        ),
        "ecc": Words(
            "メモリーや CPU のハードウェアエラー",
            "メモリーまたは CPU が、ハードウェアのエラーを報告しています。突然の停止や再起動につながる可能性があります。",
            "エラーが続く場合は、ハードウェアの診断と、該当部品の交換をご提案します。",
        ),
        "heat": Words(
            "温度またはファンの異常",
            "機器の温度が高くなっているか、ファンに異常があります。性能の低下や停止につながる可能性があります。",
            "設置環境とファンの点検をご提案します。",
        ),
        "supply": Words(
            "電源の異常",
            "電源装置に異常があるか、電源の冗長性が失われています。",
            "電源装置と給電経路の点検、および故障した装置の交換をご提案します。",
        ),
        "kernel": Words(
            "カーネルの異常",
            "OS の中核(カーネル)が異常を記録しています。処理が止まる、または再起動する可能性があります。",
            "カーネルの更新状況と、ハードウェアの状態の確認をご提案します。",
        ),
        "oom": Words(
            "メモリー不足によるプロセスの停止",
            "メモリーが足りなくなり、OS がプロセスを強制的に終了しました。",
            "メモリー使用量の見直し、またはメモリーの増設をご提案します。",
        ),
        "full": Words(
            "容量または上限の不足",
            "ディスクの空き、またはファイル数などの上限に達しています。書き込みや新しい接続ができない可能性があります。",
            "不要なファイルの整理、ディスクの追加、または上限値の見直しをご提案します。",
        ),
        "link": Words(
            "ネットワークのリンク断",
            "ネットワークインターフェースのリンクが切れました。",
            "お心当たりの作業がなければ、ケーブルとスイッチのポートの点検をご提案します。",
        ),
        "tables": Words(
            "ネットワークの処理能力の不足",
            "接続の管理表などが一杯になり、通信の一部が破棄されています。",
            "アクセス状況の確認と、上限値の見直しをご提案します。",
        ),
        "crash": Words(
            "プログラムの異常終了",
            "プログラムが異常終了しました。",
            "該当するソフトウェアの更新と、設定の確認をご提案します。",
        ),
        "service": Words(
            "サービスの起動失敗または停止",
            "サービスが起動に失敗したか、異常終了しました。",
            "該当するサービスのログと設定の確認をご提案します。",
        ),
    },
    "en": {
        "raid": Words(
            "RAID trouble",
            "A disk of a RAID was dropped or has failed. Should another one fail while the redundancy is lost, data may be lost.",
            "We propose to replace the disk soon. Please make sure of your backup first.",
        ),
        "disk": Words(
            "Disk I/O errors",
            "Reading from or writing to a disk fails: it may be about to break.",
            "We propose to make sure of the backup, then to test the disk and to replace it.",
        ),
        "smart": Words(
            "A disk's self-test (SMART) warns",
            "The disk's own test shows signs of a failure to come.",
            "We propose to replace the disk at a planned time, before it fails.",
        ),
        "filesystem": Words(
            "File system trouble",
            "A file system is not consistent. Writing may stop, and files may be lost.",
            "We propose to make sure of the backup, then to check and repair the file system at a time when services may stop.",
        ),
        "ecc": Words(
            "Hardware errors of memory or CPU",
            "Memory or CPU reports hardware errors. The server may stop or restart suddenly.",
            "If they go on, we propose to test the hardware and to replace the part.",
        ),
        "heat": Words(
            "Temperature or fan trouble",
            "The machine is too hot, or a fan fails. It may slow down or stop.",
            "We propose to check where it stands, and its fans.",
        ),
        "supply": Words(
            "Power supply trouble",
            "A power supply fails, or the redundancy of power is lost.",
            "We propose to check power supplies and feeds, and to replace what is broken.",
        ),
        "kernel": Words(
            "Kernel trouble",
            "The core of the operating system reports an error. Work may stall, or the server may restart.",
            "We propose to check whether the kernel is up to date, and the state of the hardware.",
        ),
        "oom": Words(
            "A process was killed for want of memory",
            "Memory ran out, and the operating system killed a process.",
            "We propose to look at what uses the memory, or to add some.",
        ),
        "full": Words(
            "No space left, or a limit reached",
            "A disk is full, or a limit such as that of open files is reached. Writing or new connections may fail.",
            "We propose to tidy up, to add disk space, or to raise the limit.",
        ),
        "link": Words(
            "A network link went down",
            "The link of a network interface was lost.",
            "Unless you know of work there, we propose to check the cable and the switch's port.",
        ),
        "tables": Words(
            "The network layer is overloaded",
            "A table of connections or neighbours is full, and part of the traffic is dropped.",
            "We propose to look at the traffic, and at the limits.",
        ),
        "crash": Words(
            "A program crashed",
            "A program ended abnormally.",
            "We propose to update the software, and to check its configuration.",
        ),
        "service": Words(
            "A service failed",
            "A service did not start, or ended abnormally.",
            "We propose to look at its log and its configuration.",
        ),
    },
}


_OWN: dict[Language, Words] = {
    "ja": Words("", "監視対象として登録された内容が、ログに記録されました。", "お手数ですが、記録された内容をご確認ください。"),
    "en": Words("", "The log has a line with words that are watched for.", "Please look at the line."),
}
"""Of what an inventory has named itself."""


def words(pattern: str, proposal: str, language: Language) -> Words:
    """``proposal``: the inventory's own, where it has one."""
    said = FINDINGS[language].get(pattern) or _OWN[language]._replace(name=pattern)
    return said._replace(proposal=proposal or said.proposal)

"""The words for every reason code (domain.reasons), in ja and en: what ``explain``, pages and reports say."""

import re
from string import Formatter

from domain.commands import Facts
from domain.model import Language
from domain.reasons import Code
from domain.wording import NOTHING, shown

TEXT: dict[Language, dict[Code, str]] = {
    "ja": {
        Code.OPENED: "{check} の障害が Lv.{level} として確認され、インシデント {incident} を開始しました。",
        Code.OPENED_IN_PAUSE: "監視休止 {pause}({until_s} まで)の間に {check} の障害を確認しました。記録のみ行います。",
        Code.REOPENED: "{check} の障害が再発したため、インシデント {incident} を再開しました。",
        Code.JOINED: "{check} の障害が Lv.{level} として、進行中のインシデント {incident} に加わりました。({detail})",
        Code.OWN_WORK: "{check} の異常は、手順によるホストの再起動中に始まったものです。"
        "作業が終わった後も続く場合に、障害としてお知らせします。({detail})",
        Code.SAME_AGENT: "{check} も、先にお知らせした SNMP エージェントの異常によるため、重ねてはお知らせしません。({detail})",
        Code.SAME_SERVICE: "{check} は、先にお知らせした障害と同じサービス {service} のものなので、重ねてはお知らせしません。",
        Code.FAULT_TOLD: "{faults} の障害を Lv.{level} としてお客様に知らせるメールを手配しました。",
        Code.LEVEL_CHANGED: "{check} のレベルが Lv.{previous_level} から Lv.{level} に変わりました。({detail})",
        Code.LEVEL_TOLD: "レベルが Lv.{previous_level} から Lv.{level} に変わったことをお客様に知らせるメールを手配しました。",
        Code.CLEARED: "{check} は再び正常です。",
        Code.RECOVERED: "復旧を確認し、お客様に知らせるメールを手配しました。",
        Code.RECOVERED_SILENTLY: "復旧しました。障害をお知らせしていなかったため、復旧もお知らせしません。",
        Code.RECOVERY_HELD_BACK: "監視休止の間に復旧したため、休止が終わってからお知らせします。",
        Code.FLAPPING: "{check} は {window_s} の間に {changes} 回変化し、不安定です。落ち着くまで個々の変化はお知らせしません。",
        Code.SETTLED: "{check} の状態が落ち着きました。",
        Code.OCCURRED: "{check} が {detail} を受け取り、Lv.{level} としてお客様に知らせるメールを手配しました。",
        Code.OCCURRED_IN_PAUSE: "監視休止 {pause}({until_s} まで)の間に {check} が {detail} を受け取りました。記録のみ行います。",
        Code.OCCURRED_IN_WORK: "{check} が受け取った {detail} は、手順によるホストの再起動に伴うものと考えられます。"
        "そのためお知らせしません。",
        Code.OCCURRED_TOO_OFTEN: "{check} の受け取る知らせが多すぎるため、落ち着くまでお客様へのお知らせを控えます。({detail})",
        Code.EVIDENCE_LOST: "監視側で {check} の状態を判断できなくなりました。判断できるまで、通知も対応もしません。({detail})",
        Code.EVIDENCE_RESTARTED: "{check} の観測が途切れたため、対応までの時間を数え直します。障害の開始時刻は変わりません。",
        Code.CLOCK_STARTED: "障害が {wait_s} 続けば、{due_s} に復旧作業を始めます。",
        Code.CLOCK_STOPPED: "復旧作業までの時計を止めました。",
        Code.RUN_STARTED: "手順 {runbook} の実行を指示しました。(依頼者 {by})(理由: {why})",
        Code.WOULD_RUN: "記録のみです。自動での実行が認められていれば、手順 {runbook} を実行していました。",
        Code.WORK_TOLD: "障害が続いていることを確かめ、作業の開始をお客様に知らせるメールを手配しました。",
        Code.RUN_FIXED: "手順の実行により復旧しました。({outcome_detail})",
        Code.RUN_GONE: "手順が何かを行う前に、障害は解消していました。({outcome_detail})",
        Code.RUN_NOT_FIXED: "手順を実行しましたが、復旧しませんでした。({outcome_detail})",
        Code.RUN_UNKNOWN: "作業の結果を確認できません。同じ作業は繰り返さず、人が確認します。({outcome_detail})",
        Code.RUN_REFUSED: "手順の次の作業は、安全装置により見合わせました。({outcome_detail})",
        Code.RUN_LOST: "手順の結果が期限内に届きませんでした。",
        Code.IN_RESCUE: "ホストはレスキューシステムで起動したまま(またはその可能性がある状態)です。ping や SSH が応答しても復旧では"
        "ありません。ホスト自身のディスクから起動し直す必要があります。",
        Code.OWN_SYSTEM: "{by} が、ホスト自身のシステムが起動していることを確認しました。({why})",
        Code.STEP_DONE: "{action}: {outcome}({detail})",
        Code.NOT_RECOVERED_TOLD: "自動では復旧しなかったことをお客様に知らせるメールを手配しました。",
        Code.REPORT_ASKED: "インシデント報告書の作成を指示しました。",
        Code.REPORT_WRITTEN: "インシデント報告書を {path} に作成しました。",
        Code.REPORT_FAILED: "インシデント報告書を作成できませんでした。({error})",
        Code.RUNBOOK_APPROVED: "{by} が、手順 {runbook} の版 {version} を承認しました。({why})",
        Code.RUNBOOK_REVOKED: "{by} が、手順 {runbook} の版 {version} の承認を取り消しました。({why})",
        Code.RUNBOOK_REHEARSED: "手順 {runbook} の版 {version} は、予行に合格しました。(実施者 {by})({detail})({path})",
        Code.RUNBOOK_NOT_PASSED: "手順 {runbook} の版 {version} は、予行に合格しませんでした。(実施者 {by})({detail})({path})",
        Code.RUNBOOK_LOWERED: "手順 {runbook} で復旧した {check} が、間もなく再び障害となりました。お客様 {customer} に対する"
        "この手順の自動での実行を、担当者が再び認めるまで見合わせます。",
        Code.RUNBOOK_RAISED: "{by} が、お客様 {customer} に対する手順 {runbook} の自動での実行を再び認めました。({why})",
        Code.OWN_JUDGEMENT: "手順 {runbook} は現在の内容では自動での実行が認められていません。{by} の判断により実行します。",
        Code.HANDED_OVER: "自動での対応を終え、担当者に引き継ぎました。",
        Code.PAGED: "担当者 {recipient} の呼び出しを手配しました。",
        Code.ACKNOWLEDGED: "{by} が対応を引き受けました。以後の呼び出しを止めます。",
        Code.ACKNOWLEDGER_LEFT: "対応を引き受けていた {by} が担当者から外れたため、呼び出しを再開します。",
        Code.NOT_WORKED_ON: "{faults} に障害(Lv.{level})がありますが、自動対応の差し止め・停止中のため、対応していません。",
        Code.OUT_OF_SIGHT: "{faults} は障害の検知後、監視側で状態を判断できなくなりました。判断できるまで、対応を行いません。",
        Code.NOTED: "{by} の記録: {why}",
        Code.HOLD_SET: "{by} が {scope} の自動対応を差し止めました。({why})",
        Code.HOLD_RELEASED: "{by} が {scope} の自動対応の差し止めを解きました。({why})",
        Code.PAUSE_SET: "{by} が監視休止 {pause} を設定しました。(理由: {why})",
        Code.PAUSE_CANCELLED: "{by} が監視休止 {pause} を取り消しました。",
        Code.NOT_NEEDED: "{recipient} 宛ての{message}({channel})は、送信の時点で不要になっていたため取りやめました。({detail})",
        Code.DELIVERED: "{recipient} 宛ての{message}を{channel}で送信し、次のサーバーが受け付けました。({detail})",
        Code.REQUEST_LATE: "{by} の実行依頼({due_s})は時間が経ちすぎているため、行いません。必要であれば、改めて依頼してください。",
        Code.DELIVERY_FAILED: "{recipient} 宛ての連絡を届けられませんでした。({error})",
        Code.POLICY_CHANGED: "設定が {version} に変わり、状態を判断し直しました。",
        Code.INVENTORY_REFUSED: "新しい設定に誤りがあるため受け付けず、これまでの設定を使い続けます。({error})",
        Code.WATCHER_CUT_OFF: "監視プロセス {by} はセグメント {label} を見ることができません(アンカー {detail} が応答なし)。"
        "その間の異常は障害として扱わず、お客様への連絡も復旧作業も行いません。",
        Code.SYSLOG_REFUSED: "監視プロセス {by} は、登録されていない送り主からの、または多すぎる syslog を受け取りました。"
        "監視には用いません。({detail})",
        Code.SYSLOG_UNHEARD: "監視プロセス {by} は syslog を受信できません。受信できるまで、ログの監視は判断できません。({detail})",
        Code.WATCHER_SEES: "監視プロセス {by} は再びセグメント {label} を見ることができます(応答のないアンカー {detail})。",
        Code.WATCHER_SILENT: "監視プロセス {by} からの連絡が途絶えています。その間の状態は判断できません。",
        Code.BEHIND_PARENT: "{check} は、上位の機器が停止しているため到達不能として記録します。個別の通知・対応は行いません。"
        "(上位 {parent})({detail})",
        Code.PARENT_ASKED: "{check} の異常を検知しました。上位の機器の状態を確かめてからお知らせします。({detail})",
        Code.TRAPS_REFUSED: "監視プロセス {by} は、送り主を確かめられない、または読み取れない SNMP トラップを受け取りました。"
        "監視には用いません。({detail})",
        Code.TRAPS_UNHEARD: "監視プロセス {by} は SNMP トラップを受信できません。"
        "受信できるまで、トラップの監視は判断できません。({detail})",
        Code.MASS_OUTAGE: "セグメント {label} の多数のホストに同時に到達できなくなり、自動の電源操作を止めました。({detail} 台)",
        Code.MASS_OUTAGE_OVER: "セグメント {label} の広範囲の障害が収まり、自動の電源操作を再開しました。(到達不能 {detail} 台)",
        Code.HOST_REMOVED: "このホストは設定から削除されました。インシデントを閉じます。",
        Code.HOST_MOVED: "このホストは別のお客様のものになりました。これまでのインシデントを閉じます。",
        Code.CHECK_REMOVED: "障害となっていた監視項目は、設定から削除されました。",
        Code.EVENT_SET_ASIDE: "イベント {event} を処理できないため、隔離して保管しました。判断には用いません。({error})",
        Code.CLOCK_STEPPED: "監視サーバーの時計が {from_at_s} から {to_at_s} に変わりました。待ち時間は経過した時間で数えます。",
        Code.STALE: "すでに判断した時点より古い、または重複した報告のため使いません。",
        Code.NOT_WATCHED: "監視対象ではないため、何もしません。",
        Code.NO_CHANGE: "状態に変化がないため、何もしません。",
        Code.ADMITTED: "作業を許可しました。(手順 {runbook}、依頼者 {by})(理由: {why})",
        Code.GATE_STOP_FILE: "停止ファイルが置かれているため、どのホストにも作業を行いません。",
        Code.GATE_HOLD_ALL: "全ホストの自動対応が差し止められているため、作業を行いません。",
        Code.GATE_HOLD: "このホストの自動対応が差し止められているため、作業を行いません。",
        Code.GATE_PAUSE: "監視休止 {pause} の間は作業を行いません。({until_s} まで)",
        Code.GATE_MODE_OFF: "自動化が off のため、作業を行いません。",
        Code.GATE_MODE_SHADOW: "自動化が shadow のため、作業は行わず記録のみです。",
        Code.GATE_RUNBOOK_UNAPPROVED: "手順 {runbook} は現在の内容では承認されていないため、作業は行わず記録のみです。",
        Code.GATE_RUNBOOK_LOWERED: "手順 {runbook} は再発により自動での実行を見合わせているため、作業は行わず記録のみです。",
        Code.GATE_UNKNOWN: "監視側で状態を判断できないため、作業を行いません。",
        Code.GATE_FAULT_GONE: "障害は解消しているため、作業を行いません。",
        Code.GATE_NOT_COVERED: "この障害の復旧作業はご契約に含まれないため、行いません。",
        Code.GATE_NO_PROCEDURE: "この種類の障害に対する手順が定められていないため、担当者に引き継ぎます。",
        Code.GATE_FLAPPING: "状態が不安定な間は作業を行いません。",
        Code.GATE_TRIED: "このインシデントではすでに同じ対象に作業を行ったため、繰り返しません。",
        Code.GATE_BUSY: "このホストでは別の作業が進行中のため、作業を行いません。",
        Code.GATE_LIMIT: "同時に行える作業の数が上限に達しているため、作業を行いません。(進行中 {running} 件、上限 {limit} 件)",
        Code.GATE_SERVER_NOT_COVERED: "サーバー自体の復旧がご契約に含まれていないため、電源操作は行いません。",
        Code.GATE_WAIT: "ご契約で定めた時間が経つまで、サーバーの電源操作を待っています。({due_s} まで)",
        Code.GATE_PARENT_DOWN: "上位の機器が停止している、または復帰した直後のため、個別の対応は行いません。(上位 {parent})",
        Code.GATE_MASS_OUTAGE: "同じネットワークの多数のホストに到達できないため、原因の確認を優先します。(待機 {until_s} まで)",
        Code.GATE_MASS_OUTAGE_LONG: "同じネットワークの広範囲の障害が長引いているため、自動では行わず、担当者に委ねます。",
        Code.GATE_POWER_AT_ONCE: "同時に行える電源操作の上限に達したため、行いません。({scope}、{running}/{limit} 件)",
        Code.GATE_POWER_RATE: "短時間に行える電源操作の上限に達したため、行いません。({scope}、{window_s}で {running}/{limit} 件)",
        Code.GATE_CLAIM_LOST: "この作業はすでに他の実行者の担当となっているため、行いません。",
        Code.GATE_ATTEMPTED: "同じ作業が一度試みられているため、二度は行いません。",
        Code.GATE_TARGET_CHANGED: "作業を決めた後に、ホストの設定(アドレス、ログイン、お客様、サービス)が変わったため中止します。",
        Code.GATE_POWER_SPENT: "電源操作が、復帰の分も含めて手順の上限(1 件につき {limit} 回)を超えるため、行いません。",
        Code.GATE_NO_TIME_BACK: "作業の期限までにレスキューシステムから復帰できないおそれがあるため、切り替えません。",
    },
    "en": {
        Code.OPENED: "The fault of {check} was confirmed as Lv.{level}; incident {incident} was opened.",
        Code.OPENED_IN_PAUSE: "{check} was confirmed down within the pause {pause} (until {until_s}); it is recorded only.",
        Code.REOPENED: "The fault of {check} came back; incident {incident} was opened again.",
        Code.JOINED: "The fault of {check}, Lv.{level}, joined the open incident {incident}. ({detail})",
        Code.OWN_WORK: "{check} began to fail while a run was restarting the host: it is told as a fault only if it "
        "outlasts that work. ({detail})",
        Code.SAME_AGENT: "{check} is read of the same SNMP agent, whose fault has its mail already: none for this. ({detail})",
        Code.SAME_SERVICE: "{check} belongs to {service}, whose fault has its mail already, so none is sent for it.",
        Code.FAULT_TOLD: "A mail to the customer was queued: the fault of {faults}, Lv.{level}.",
        Code.LEVEL_CHANGED: "The level of {check} changed from Lv.{previous_level} to Lv.{level}. ({detail})",
        Code.LEVEL_TOLD: "A mail to the customer was queued: the level changed from Lv.{previous_level} to Lv.{level}.",
        Code.CLEARED: "{check} is well again.",
        Code.RECOVERED: "The recovery was seen; a mail to the customer was queued.",
        Code.RECOVERED_SILENTLY: "Recovered. The fault had not been told, so neither is the recovery.",
        Code.RECOVERY_HELD_BACK: "Recovered within a pause; it is told when the pause ends.",
        Code.FLAPPING: "{check} changed {changes} times within {window_s}: it is flapping, and only told again when it settles.",
        Code.SETTLED: "{check} has settled.",
        Code.OCCURRED: "{check} heard {detail}; a mail tells the customer as Lv.{level}.",
        Code.OCCURRED_IN_PAUSE: "{check} heard {detail} within the pause {pause} (until {until_s}); it is recorded only.",
        Code.OCCURRED_IN_WORK: "{check} heard {detail} while a run was restarting the host, or just after it: it is not told.",
        Code.OCCURRED_TOO_OFTEN: "{check} hears too much: until that settles the customer gets no mail for it. ({detail})",
        Code.EVIDENCE_LOST: "The watcher can no longer judge {check}; until it can, nothing is told or done about it. ({detail})",
        Code.EVIDENCE_RESTARTED: "Evidence for {check} had a gap: the time until we act counts anew; the start of the fault stays.",
        Code.CLOCK_STARTED: "If the fault lasts for {wait_s}, recovery starts at {due_s}.",
        Code.CLOCK_STOPPED: "The clock towards recovery was stopped.",
        Code.RUN_STARTED: "The runbook {runbook} was ordered to run. (Asked for by {by}.) (Reason: {why})",
        Code.WOULD_RUN: "Recorded only: were it let act on its own, the runbook {runbook} would have run.",
        Code.WORK_TOLD: "The fault was seen to last; a mail to the customer was queued: work starts.",
        Code.RUN_FIXED: "The runbook brought recovery. ({outcome_detail})",
        Code.RUN_GONE: "The fault was gone before the runbook did anything. ({outcome_detail})",
        Code.RUN_NOT_FIXED: "The runbook did not bring recovery. ({outcome_detail})",
        Code.RUN_UNKNOWN: "What an action did could not be established; it is not repeated, a person looks. ({outcome_detail})",
        Code.RUN_REFUSED: "A guard-rail refused what the runbook was about to do. ({outcome_detail})",
        Code.RUN_LOST: "The runbook was not heard of again within its time.",
        Code.IN_RESCUE: "The host was left in its rescue system, or may have been: that ping and SSH answer is no recovery. "
        "It has to be booted from its own disk.",
        Code.OWN_SYSTEM: "{by} says that the host's own system runs again. ({why})",
        Code.STEP_DONE: "{action}: {outcome}. ({detail})",
        Code.NOT_RECOVERED_TOLD: "A mail to the customer was queued: automatic recovery did not succeed.",
        Code.REPORT_ASKED: "The incident report was ordered.",
        Code.REPORT_WRITTEN: "The incident report was written to {path}.",
        Code.REPORT_FAILED: "The incident report could not be written. ({error})",
        Code.RUNBOOK_APPROVED: "{by} approved the runbook {runbook}, version {version}. ({why})",
        Code.RUNBOOK_REVOKED: "{by} revoked the approval of the runbook {runbook}, version {version}. ({why})",
        Code.RUNBOOK_REHEARSED: "The runbook {runbook}, version {version}, passed a rehearsal. (By {by}.) ({detail}) ({path})",
        Code.RUNBOOK_NOT_PASSED: "The runbook {runbook}, version {version}, failed a rehearsal. (By {by}.) ({detail}) ({path})",
        Code.RUNBOOK_LOWERED: "{check} was cured by the runbook {runbook} and soon failed again: for {customer} that runbook "
        "does not act on its own until a person raises it again.",
        Code.RUNBOOK_RAISED: "{by} lets the runbook {runbook} act on its own for {customer} again. ({why})",
        Code.OWN_JUDGEMENT: "The runbook {runbook} may not act on its own here as it is now; this is the judgement of {by}.",
        Code.HANDED_OVER: "Automatic work has ended; people take over.",
        Code.PAGED: "A page to operator {recipient} was queued.",
        Code.ACKNOWLEDGED: "{by} takes it; nobody else is paged.",
        Code.ACKNOWLEDGER_LEFT: "{by}, who had taken it, is no longer among the operators: people are paged again.",
        Code.NOT_WORKED_ON: "{faults} is down (Lv.{level}), and nothing is done about it: automatic work is on hold or stopped.",
        Code.OUT_OF_SIGHT: "{faults} failed, and now the watcher cannot judge it; until it can, nothing is done about it.",
        Code.NOTED: "Note by {by}: {why}",
        Code.HOLD_SET: "{by} put automatic work on {scope} on hold. ({why})",
        Code.HOLD_RELEASED: "{by} released the hold on automatic work on {scope}. ({why})",
        Code.PAUSE_SET: "{by} set the pause {pause}. (Reason: {why})",
        Code.PAUSE_CANCELLED: "{by} cancelled the pause {pause}.",
        Code.NOT_NEEDED: "The {channel} to {recipient} was no longer needed when its turn to be sent came: {message}. ({detail})",
        Code.DELIVERED: "The {channel} to {recipient} was taken by the next server: {message}. ({detail})",
        Code.REQUEST_LATE: "Not done: {by} asked for it at {due_s}, which is too long ago. If it is still wanted, ask again.",
        Code.DELIVERY_FAILED: "A message to {recipient} could not be delivered. ({error})",
        Code.POLICY_CHANGED: "The configuration changed to {version}; the state was judged anew.",
        Code.INVENTORY_REFUSED: "The new configuration has mistakes and was refused; the old one stays. ({error})",
        Code.WATCHER_CUT_OFF: "The watcher {by} does not see segment {label}: {detail} anchors are silent. Until it does, nothing "
        "that fails there is told to customers or worked on.",
        Code.SYSLOG_REFUSED: "The watcher {by} was sent logs by whom it does not know, or too much; these are not read. ({detail})",
        Code.SYSLOG_UNHEARD: "The watcher {by} can't listen for syslog: what logs would tell is unknown. ({detail})",
        Code.WATCHER_SEES: "The watcher {by} sees segment {label} again ({detail} anchors silent).",
        Code.WATCHER_SILENT: "The watcher {by} is not heard of; until it is, nothing it watches can be judged.",
        Code.BEHIND_PARENT: "{check} is recorded as unreachable, as what the host depends on is down: nobody is told of it alone, "
        "and nothing is done. (Behind {parent}.) ({detail})",
        Code.PARENT_ASKED: "{check} fails. What it depends on is looked at first, then it is told. ({detail})",
        Code.TRAPS_REFUSED: "The watcher {by} was sent SNMP traps that it can't read, or whose sender it can't "
        "believe; nothing follows from them. ({detail})",
        Code.TRAPS_UNHEARD: "The watcher {by} can't listen for SNMP traps: what they would tell is unknown. ({detail})",
        Code.MASS_OUTAGE: "Many hosts of segment {label} became unreachable at once: no power is switched there. ({detail})",
        Code.MASS_OUTAGE_OVER: "The mass outage of segment {label} is over; automatic power actions go on. ({detail} unreachable)",
        Code.HOST_REMOVED: "This host was removed from the configuration; its incident is closed.",
        Code.HOST_MOVED: "This host belongs to another customer now; the incident it had is closed.",
        Code.CHECK_REMOVED: "The checks that had failed were removed from the configuration.",
        Code.EVENT_SET_ASIDE: "The event {event} could not be decided and was set aside; nothing follows from it. ({error})",
        Code.CLOCK_STEPPED: "The engine's clock was set from {from_at_s} to {to_at_s}; waits go on by the time that really passed.",
        Code.STALE: "This news is older than what was already judged, or came twice, and is not used.",
        Code.NOT_WATCHED: "It is not watched; nothing is done.",
        Code.NO_CHANGE: "Nothing changed; nothing is done.",
        Code.ADMITTED: "The action was admitted. (Runbook {runbook}, asked for by {by}.) (Reason: {why})",
        Code.GATE_STOP_FILE: "Not done: the stop file is there, so nothing acts on any host.",
        Code.GATE_HOLD_ALL: "Not done: automatic work is on hold for all hosts.",
        Code.GATE_HOLD: "Not done: automatic work is on hold for this host.",
        Code.GATE_PAUSE: "Not done within the pause {pause}. (It lasts until {until_s}.)",
        Code.GATE_MODE_OFF: "Not done: automation is off.",
        Code.GATE_MODE_SHADOW: "Not done, only recorded: automation is in shadow mode.",
        Code.GATE_RUNBOOK_UNAPPROVED: "Not done, only recorded: the runbook {runbook} is not approved as it is now.",
        Code.GATE_RUNBOOK_LOWERED: "Not done, only recorded: a cure by the runbook {runbook} did not last, so people decide.",
        Code.GATE_UNKNOWN: "Not done: the watcher cannot judge the state.",
        Code.GATE_FAULT_GONE: "Not done: the fault is gone.",
        Code.GATE_NOT_COVERED: "Not done: the contract does not cover recovery of this fault at this time.",
        Code.GATE_NO_PROCEDURE: "Not done: no runbook is named for this class of fault; people take over.",
        Code.GATE_FLAPPING: "Not done while the check is flapping.",
        Code.GATE_TRIED: "Not done again: it was already tried on the same target in this incident.",
        Code.GATE_BUSY: "Not done: other work is going on on this host.",
        Code.GATE_LIMIT: "Not done: as many actions as are allowed at once are going on. ({running}, limit {limit})",
        Code.GATE_SERVER_NOT_COVERED: "No power is switched: the contract does not cover recovery of the server itself.",
        Code.GATE_WAIT: "Not done yet: the contract's wait before a server's power is switched is not over. (It is at {due_s}.)",
        Code.GATE_PARENT_DOWN: "Not done: what the host depends on is down, or has only just come back. ({parent})",
        Code.GATE_MASS_OUTAGE: "Not done: many hosts of its network are lost at once, so people look first. (Until {until_s}.)",
        Code.GATE_MASS_OUTAGE_LONG: "Left to people: the outage of many hosts of its network has lasted too long.",
        Code.GATE_POWER_AT_ONCE: "Not done: no more power actions may be under way at once. ({scope}: {running}, limit {limit})",
        Code.GATE_POWER_RATE: "Not done: no more power actions for now. ({scope}: {running} in {window_s}, limit {limit})",
        Code.GATE_CLAIM_LOST: "Not done: somebody else holds this work.",
        Code.GATE_ATTEMPTED: "Not done: the same action was attempted once, and is never done twice.",
        Code.GATE_TARGET_CHANGED: "Not done: the host's address, login, customer or service was changed since this was decided.",
        Code.GATE_POWER_SPENT: "Not done: its power would be switched more often than the runbook may in one incident, "
        "the way back from a rescue system included. (Limit {limit}.)",
        Code.GATE_NO_TIME_BACK: "Not done: there might be no time left to come back from the rescue system before this "
        "work has to be over.",
    },
}  # fmt: skip
"""``str.format`` templates; their fields are names of ``domain.facts.FACTS``."""

FOR_CUSTOMERS: dict[Language, dict[Code, str]] = {
    "ja": {
        Code.PAGED: "担当者の呼び出しを手配しました。",
        Code.ACKNOWLEDGED: "担当者が対応を引き受けました。",
        Code.ACKNOWLEDGER_LEFT: "対応していた者が担当から外れたため、改めて担当者を呼び出します。",
        Code.HOLD_SET: "担当者が自動対応を差し止めました。",
        Code.HOLD_RELEASED: "担当者が自動対応の差し止めを解きました。",
        Code.PAUSE_SET: "担当者が監視休止 {pause} を設定しました。",
        Code.PAUSE_CANCELLED: "担当者が監視休止 {pause} を取り消しました。",
        Code.REQUEST_LATE: "担当者の実行依頼({due_s})は時間が経ちすぎているため、行いませんでした。",
        Code.OWN_SYSTEM: "担当者が、サーバ自身のシステムが起動していることを確認しました。",
        Code.ADMITTED: "担当者の依頼により、手順 {runbook} の実行を許可しました。",
    },
    "en": {
        Code.PAGED: "An operator was called.",
        Code.ACKNOWLEDGED: "An operator takes it.",
        Code.ACKNOWLEDGER_LEFT: "The operator who had taken it has left; another is called.",
        Code.HOLD_SET: "An operator put automatic work on hold.",
        Code.HOLD_RELEASED: "An operator released the hold on automatic work.",
        Code.PAUSE_SET: "An operator set the pause {pause}.",
        Code.PAUSE_CANCELLED: "An operator cancelled the pause {pause}.",
        Code.REQUEST_LATE: "Not done: an operator asked for it at {due_s}, which was too long ago.",
        Code.OWN_SYSTEM: "An operator has seen the server's own system run again.",
        Code.ADMITTED: "An operator asked for the runbook {runbook}; it was admitted.",
    },
}
"""What customers read in place of a text that speaks of an operator by name."""
_OPEN = frozenset({
    "incident", "check", "faults", "service", "level", "previous_level", "changes", "window_s", "wait_s", "due_s", "until_s",
    "pause", "runbook", "action", "outcome", "from_at_s", "to_at_s",
})  # fmt: skip
"""The facts that customers may read in a reason. All else stays inside: who did it and why, what machines answered."""


TOLD_IN_MAILS = frozenset({Code.JOINED, Code.OCCURRED, Code.OCCURRED_IN_PAUSE, Code.OCCURRED_IN_WORK, Code.OCCURRED_TOO_OFTEN})
"""Whose evidence customers read in mails too."""
_BRACKETS = re.compile(r" ?\([^()]*\)")


def speaks_of(code: Code) -> frozenset[str]:
    """The facts a code's texts have a place for, in either language."""
    return frozenset(field for texts in TEXT.values() for _, field, _, _ in Formatter().parse(texts[code]) if field is not None)


def explain(code: Code, facts: Facts, language: Language, zone: str) -> str:
    """One line for a person: why.

    What a text says in brackets is left out when a fact in it is missing; elsewhere a missing fact reads as a dash, so
    that old records stay readable.
    """
    return _fill(TEXT[language][code], facts, language, zone)


def for_customer(code: Code, facts: Facts, language: Language, zone: str) -> str:
    """The same for the customer: without what operators wrote, who or what did it, and what a failed command answered. The evidence
    of a further fault, or of what happened, is told, as mails tell it."""
    said = {name: value for name, value in facts.items() if name in _OPEN or (name == "detail" and code in TOLD_IN_MAILS)}
    return _fill(FOR_CUSTOMERS[language].get(code, TEXT[language][code]), said, language, zone)


def _fill(text: str, facts: Facts, language: Language, zone: str) -> str:
    fields = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    said = {name: shown(name, facts.get(name), zone, language) for name in fields}
    missing = {f"{{{name}}}" for name, text in said.items() if text == NOTHING}
    template = _BRACKETS.sub(lambda found: "" if any(name in found[0] for name in missing) else found[0], text)
    return template.format_map(said)

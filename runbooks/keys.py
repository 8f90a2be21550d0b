"""Every key of a runbook and what it means: what the loader accepts and docs/runbooks.md lists."""

from collections.abc import Mapping

Keys = Mapping[str, str]

RUNBOOK: Keys = {
    "title": "what people read: a text of up to 80 characters in `en` and in `ja`",
    "budget_s": "the most that a whole run may take, up to 3600 (R22: one hour of work); at least what its steps may take in all "
    "(with a `watchdog_s` that is written out)",
    "steps": "what is done, in this order: a list of up to 20",
    "max_power_actions": "how often it may switch the host's power in one incident (R26), 0 to 6; 0 by default",
}

STEP: Keys = {
    "id": "its name, of a-z, 0-9 and -; shown in the record",
    "action": "`look`, `announce`, or what is done to the host",
    "parameters": "what the action takes",
    "timeout_s": "how long it may take, 1 to 900; 60 by default",
    "until_s": "of a look: repeated for so long until it sees no fault, up to 900",
    "every_s": "of a look with `until_s`: the time between two looks, 1 to 900; 5 by default",
    "when": "it is passed over unless each earlier step named here ended in the outcome, or one of the outcomes, given; `fault`: "
    "whether a `server` or a `service` fails",
    "on_failure": "what comes when it failed, could not be begun, or the host not reached: `continue` (the default), `stop`, or "
    "the id of a later step",
    "retry": "`attempts` (2 to 5) and `every_s` (1 to 900): tried again until it is done; only what is safe to repeat",
    "reach_s": "for how long a host that is not reached is tried again, up to 900; 0 by default, and where the "
    "inventory names no way to it",
    "verify": "`within_s` (1 to 900) and `every_s` (5 by default): a look of its own follows, `ID-verify`, repeated for so long",
}

RETRY: Keys = {"attempts": "how often it is tried in all, 2 to 5", "every_s": "the time between two, 1 to 900"}
VERIFY: Keys = {"within_s": "how long the recovery is waited for, 1 to 900", "every_s": "the time between two looks, 1 to 900"}

EXAMPLES: Keys = {
    "title": "{en: Restart the shop, ja: ショップの再起動}",
    "en": "Restart the shop",
    "ja": "店舗の再起動",
    "budget_s": "900",
    "steps": "a list of them, each a line that starts with -",
    "id": "restart",
    "action": "look",
    "attempts": "3",
    "every_s": "5",
    "within_s": "60",
}
"""A value for each key that must be there, as a file that lacks it is answered."""

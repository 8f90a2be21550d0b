"""Our mails through a real Postfix, read by other programs than ours: mshow and mthread of mblaze, written in C."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sample_messages import ACK_URL, LANGUAGES, OF_OPERATORS, POLICY, a_notify

from bed.network import Bed
from bed.postfix import MailGuest
from domain.commands import Message, Notify
from domain.storm import DIGEST_MAX
from notify import CHANNELS, DeliveryError, Settings
from notify.channel import SmtpSettings
from notify.mail import compose_digest
from notify.text import write

pytestmark = pytest.mark.root

FAULT_FIRST = [message for message in Message if message not in OF_OPERATORS]


@pytest.fixture(autouse=True)
def _reader() -> None:
    if shutil.which("mshow") is None:
        pytest.skip("no mail reader to read with; with Debian: apt-get install mblaze")


def read(*command: str | Path, names: Sequence[Path] = ()) -> str:
    """What a program of mblaze says, in UTF-8."""
    feed = "".join(f"{name}\n" for name in names)
    done = subprocess.run(
        [str(word) for word in command],
        input=feed or None,
        capture_output=True,
        check=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        text=True,
    )
    return done.stdout


def settings_for(guest: MailGuest) -> Settings:
    smtp = SmtpSettings(host=guest.address, port=guest.smtp_port)
    return Settings(resolve=lambda secret: "", ack_url=lambda page: ACK_URL, smtp=smtp)


def delivered(guest: MailGuest, user: str, count: int, folder: Path) -> list[Path]:
    """The mails of a user as files, oldest first."""
    paths = []
    for number, content in enumerate(guest.wait_for_mail(user, count)):
        paths.append(folder / f"{user}-{number:02}.eml")
        paths[-1].write_bytes(content)
    return paths


def header(path: Path, name: str) -> str:
    return read("mhdr", "-d", "-h", name, path).rstrip("\n")


def test_every_message_arrives_readable(bed: Bed, mail_guest: MailGuest, tmp_path: Path) -> None:
    sent = [a_notify(message, language) for language in LANGUAGES for message in Message]
    with bed.inside():
        for notify in sent:
            assert CHANNELS["mail"]([notify], POLICY, settings_for(mail_guest)).detail.startswith("250 2.0.0 Ok: queued as ")
    customers = [notify for notify in sent if notify.audience == "customer"]
    operators = [notify for notify in sent if notify.audience == "operator"]
    for user, notifies in (("customer", customers), ("operator", operators)):
        paths = delivered(mail_guest, user, len(notifies), tmp_path)
        for notify in notifies:
            text = write(notify, POLICY.brand, "ja" if notify.recipient.endswith("ja") else "en", ACK_URL)
            (path,) = [path for path in paths if header(path, "subject") == text.subject]
            paths.remove(path)
            assert read("mshow", "-O", path, "1").replace("\r\n", "\n") == text.body
            assert header(path, "from") == "火の見 Monitoring <alert@example.test>"
            assert header(path, "auto-submitted") == "auto-generated"
            assert header(path, "date") == "Thu, 02 Jan 2025 03:04:05 +0900"
        assert paths == []


def thread(number: int) -> list[Notify]:
    """All messages of one incident to one recipient, as the engine keys them."""
    root = f"INC-{number}/1/fault/mail/customer-ja"
    return [
        a_notify(
            message,
            key=root if place == 0 else f"INC-{number}/{place + 1}/{message}/mail/customer-ja",
            first_key=root,
            label=f"web{number}",
        )
        for place, message in enumerate(FAULT_FIRST)
    ]


def threads(paths: Sequence[Path]) -> list[list[str]]:
    """The trees that mthread sees, each as the subjects in it; a message that is referenced and not there has no subject."""
    trees: list[list[str]] = []
    for line in read("mthread", names=paths).splitlines():
        name = line.strip()
        if not line.startswith(" "):
            trees.append([])
        if not name.startswith("<"):
            trees[-1].append(header(Path(name), "subject"))
    return trees


def test_all_mails_of_an_incident_are_one_thread(bed: Bed, mail_guest: MailGuest, tmp_path: Path) -> None:
    """R9."""
    first, second = thread(1), thread(2)
    with bed.inside():
        for notify in (message for pair in zip(first, second, strict=True) for message in pair):
            CHANNELS["mail"]([notify], POLICY, settings_for(mail_guest))
    trees = threads(delivered(mail_guest, "customer", len(first) + len(second), tmp_path))
    assert sorted(sorted(tree) for tree in trees) == sorted(
        sorted(write(notify, POLICY.brand, "ja").subject for notify in notifies) for notifies in (first, second)
    )


def test_a_digest_stays_in_the_thread_of_its_incident(bed: Bed, mail_guest: MailGuest, tmp_path: Path) -> None:
    """R9: also where the incident's first message went out inside the digest."""
    begin, *others, last = thread(1)
    with bed.inside():
        CHANNELS["mail"]([begin, *others], POLICY, settings_for(mail_guest))
        CHANNELS["mail"]([last], POLICY, settings_for(mail_guest))
    paths = delivered(mail_guest, "customer", 2, tmp_path)
    (tree,) = threads(paths)
    assert len(tree) == 2
    (digest,) = [path for path in paths if f" {len(others) + 1} 件" in header(path, "subject")]
    body = read("mshow", "-O", digest, "1").replace("\r\n", "\n")
    for notify in (begin, *others):
        text = write(notify, POLICY.brand, "ja")
        assert text.subject in body
        assert text.body in body


def test_a_whole_storm_fits_into_one_mail(bed: Bed, mail_guest: MailGuest, tmp_path: Path) -> None:
    notifies = [a_notify(key=f"k{number}", first_key=f"root{number}", label=f"host{number:03}") for number in range(DIGEST_MAX)]
    with bed.inside():
        CHANNELS["mail"](notifies, POLICY, settings_for(mail_guest))
    (path,) = delivered(mail_guest, "customer", 1, tmp_path)
    body = read("mshow", "-O", path, "1")
    assert all(f"host{number:03} " in body for number in range(DIGEST_MAX))
    assert len(header(path, "references").split()) == DIGEST_MAX
    assert len(compose_digest(notifies, POLICY, settings_for(mail_guest)).as_bytes()) < 2_000_000


def test_an_address_that_does_not_exist_is_refused_for_good(bed: Bed, mail_guest: MailGuest) -> None:
    operators = {"operator-ja": replace(POLICY.operators["operator-ja"], mail="nobody@example.test")}
    with bed.inside(), pytest.raises(DeliveryError, match="answered RCPT: 550 ") as caught:
        CHANNELS["mail"]([a_notify(Message.PAGE)], replace(POLICY, operators=operators), settings_for(mail_guest))
    assert caught.value.permanent


def test_a_postfix_that_is_down_is_tried_again(bed: Bed, mail_guest: MailGuest) -> None:
    # both: the one is only a wrapper, and nobody waits for the end of the instance that it takes down
    mail_guest.run(["systemctl", "stop", "postfix", "postfix@-"])
    with bed.inside(), pytest.raises(DeliveryError, match=r"refused|reset") as caught:
        CHANNELS["mail"]([a_notify()], POLICY, settings_for(mail_guest))
    assert not caught.value.permanent

"""What ``dns`` asks, and makes of each answer, without sockets (C14)."""

from collections.abc import Callable, Mapping

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from probe_talk import EOF, Piece, Talk, look, talk

from domain.observation import Verdict
from probes import PROBES
from probes.asked import MAX_OTHERS
from probes.spec import Ask, Connect

WWW: dict[str, object] = {"name": "www.example.com"}
Changed = Callable[[dns.message.Message], None]


def answer(*records: str, changed: Changed = lambda _: None, rcode: int = dns.rcode.NOERROR) -> Callable[[bytes], bytes]:
    """A server's; ``records`` as in a zone file."""

    def made(question: bytes) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(question))
        response.set_rcode(dns.rcode.Rcode(rcode))
        for record in records:
            name, kind, data = record.split(" ", 2)
            response.answer.append(dns.rrset.from_text(f"{name}.", 300, "IN", kind, data))
        changed(response)
        return response.to_wire()

    return made


def by_tcp(reply: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    def made(question: bytes) -> bytes:
        assert len(question) == 2 + int.from_bytes(question[:2], "big")
        wire = reply(question[2:])
        return len(wire).to_bytes(2, "big") + wire

    return made


def truncated(response: dns.message.Message) -> None:
    response.flags |= dns.flags.TC


def seen(given: Mapping[str, object], *pieces: Piece) -> tuple[Verdict, str]:
    done: Talk = talk(look("dns", given), pieces)
    assert done.seen is not None, f"still waiting, after {done.wishes}"
    return done.seen.verdict, done.seen.detail


class TestQuestion:
    @pytest.mark.parametrize(
        ("given", "name", "record"),
        [
            (WWW, "www.example.com.", "A"),
            ({"name": "WWW.Example.com.", "record": "AAAA"}, "www.example.com.", "AAAA"),
            ({"name": "example.com", "record": "MX"}, "example.com.", "MX"),
            ({"name": "192.0.2.1"}, "1.2.0.192.in-addr.arpa.", "PTR"),
            ({"name": "2001:DB8::1", "record": "PTR"}, f"1.{'0.' * 23}8.b.d.0.1.0.0.2.ip6.arpa.", "PTR"),
        ],
    )
    def test_is_asked_of_the_host_itself(self, given: Mapping[str, object], name: str, record: str) -> None:
        wish = talk(look("dns", {**given, "port": 5353})).wishes[0]
        assert isinstance(wish, Ask)
        assert wish[:2] == ("192.0.2.1", 5353)
        question = dns.message.from_wire(wish.data)
        assert [one.to_text() for one in question.question] == [f"{name} IN {record}"]
        assert question.flags == dns.flags.RD

    def test_has_another_id_each_time(self) -> None:
        assert len({talk(look("dns", WWW)).sent[:2] for _ in range(50)}) > 40

    @pytest.mark.parametrize("given", [{"name": "192.0.2.1", "record": "A"}, {"name": "www.example.com", "record": "PTR"}])
    def test_that_makes_no_sense_is_not_asked(self, given: Mapping[str, object]) -> None:
        assert seen(given)[0] is Verdict.UNKNOWN


class TestAnswer:
    @pytest.mark.parametrize(
        ("given", "records", "said"),
        [
            ({}, ["www.example.com A 192.0.2.1"], "192.0.2.1"),
            ({"record": "AAAA"}, ["www.example.com AAAA 2001:db8::1"], "2001:db8::1"),
            ({"record": "MX"}, ["WWW.example.com MX 10 mail.example.com."], "10 mail.example.com."),
            ({"name": "192.0.2.1"}, ["1.2.0.192.in-addr.arpa PTR www.example.com."], "www.example.com."),
            ({}, ["www.example.com CNAME w3.example.net.", "w3.example.net A 192.0.2.9"], "192.0.2.9"),
        ],
    )
    def test_with_a_record_is_up(self, given: Mapping[str, object], records: list[str], said: str) -> None:
        assert seen({**WWW, **given}, answer(*records)) == (Verdict.UP, said)

    @pytest.mark.parametrize(
        ("record", "values", "found"),
        [
            ("A", ["192.0.2.3", "192.0.2.2"], "A 192.0.2.2"),
            ("AAAA", ["2001:0DB8::0001"], "AAAA 2001:db8::1"),
            ("MX", ["mail.Example.com"], "MX 10 MAIL.example.com."),
            ("MX", ["10 mail.example.com."], "MX 10 mail.example.com."),
        ],
    )
    def test_of_several_any_that_is_right_is_enough(self, record: str, values: list[str], found: str) -> None:
        """C14; and whether it is right does not hang on how it is written."""
        other = {"A": "192.0.2.77", "AAAA": "2001:db8::77", "MX": "5 other.example.com."}[record]
        records = [f"www.example.com {record} {other}", f"www.example.com {found}"]
        assert seen({**WWW, "record": record, "values": values}, answer(*records))[0] is Verdict.UP
        verdict, detail = seen({**WWW, "record": record, "values": values}, answer(records[0]))
        assert (verdict, detail) == (Verdict.DOWN, f"answers {other}, which is none of the values that are right")

    def test_with_another_preference_is_down_where_one_is_given(self) -> None:
        given = {**WWW, "record": "MX", "values": ["10 mail.example.com"]}
        assert seen(given, answer("www.example.com MX 20 mail.example.com."))[0] is Verdict.DOWN

    @pytest.mark.parametrize(
        "records", [[], ["www.example.com AAAA 2001:db8::1"], ["other.example.com A 192.0.2.1"], ["www.example.com CNAME a.b."]]
    )
    def test_without_a_record_of_that_name_and_kind_is_down(self, records: list[str]) -> None:
        assert seen(WWW, answer(*records)) == (Verdict.DOWN, "answers with no A record")

    @pytest.mark.parametrize(
        ("rcode", "words"),
        [
            (1, "answers that it does not understand the question (FORMERR)"),
            (2, "answers that it can't answer just now (SERVFAIL)"),
            (3, "answers that there is no such name (NXDOMAIN)"),
            (4, "answers that it does not know this kind of question (NOTIMP)"),
            (5, "answers that it refuses to answer (REFUSED)"),
            (9, "answers that it failed (RCODE 9)"),
            (14, "answers that it failed (RCODE 14)"),
        ],
    )
    def test_with_a_code_is_down_in_words(self, rcode: int, words: str) -> None:
        assert seen(WWW, answer(rcode=rcode)) == (Verdict.DOWN, words)
        assert seen(WWW, answer("www.example.com A 192.0.2.1", rcode=rcode)) == (Verdict.DOWN, words)

    def test_a_refusal_may_leave_the_question_out(self) -> None:
        assert seen(WWW, answer(rcode=1, changed=lambda response: response.question.clear()))[1].endswith("(FORMERR)")

    def test_that_can_t_be_read_is_down(self) -> None:
        def cut(question: bytes) -> bytes:
            return answer("www.example.com A 192.0.2.1")(question)[:-2]

        assert seen(WWW, cut) == (Verdict.DOWN, "its answer can't be read: FormError")

    def test_a_loop_of_names_is_down(self) -> None:
        records = ["www.example.com CNAME a.example.com.", "a.example.com CNAME www.example.com."]
        assert seen(WWW, answer(*records)) == (Verdict.DOWN, "its answer can't be read: ChainTooLong")

    def test_details_stay_short(self) -> None:
        verdict, detail = seen(WWW, answer(*(f"www.example.com A 192.0.2.{number}" for number in range(60))))
        assert verdict is Verdict.UP
        assert len(detail) <= 200


class TestOthers:
    """RFC 5452 9.1."""

    GOOD = staticmethod(answer("www.example.com A 192.0.2.1"))

    @pytest.mark.parametrize(
        "other",
        [
            lambda question: bytes((question[0] ^ 1, question[1])) + TestOthers.GOOD(question)[2:],
            lambda question: question,
            lambda question: TestOthers.GOOD(question)[:11],
            lambda _: EOF,
            lambda question: TestOthers.GOOD(question).replace(b"www", b"ftp"),
            lambda question: TestOthers.GOOD(question).replace(b"com\0\0\1", b"com\0\0\2"),
            answer(changed=lambda response: response.question.clear()),
        ],
        ids=["id", "a question", "too short", "empty", "name", "record", "no question, no error"],
    )
    def test_are_let_pass(self, other: Piece) -> None:
        assert seen(WWW, other, other, self.GOOD) == (Verdict.UP, "192.0.2.1")
        assert talk(look("dns", WWW), [other]).seen is None

    def test_without_end_are_down(self) -> None:
        assert seen(WWW, *[b"x"] * MAX_OTHERS) == (Verdict.DOWN, "answers what it was not asked")


class TestByTcp:
    def test_where_the_answer_did_not_fit(self) -> None:
        done = talk(look("dns", WWW), [answer(changed=truncated), by_tcp(answer("www.example.com A 192.0.2.1"))])
        assert Connect("192.0.2.1", 53) in done.wishes
        assert done.seen is not None
        assert done.seen[:2] == (Verdict.UP, "192.0.2.1")

    @pytest.mark.parametrize("tcp", [b"\0\0", b"\0\3abc", lambda question: b"\0\x20" + question[2:]])
    def test_what_was_not_asked_is_down(self, tcp: Piece) -> None:
        assert seen(WWW, answer(changed=truncated), tcp) == (Verdict.DOWN, "answers what it was not asked")

    def test_half_an_answer_is_down(self) -> None:
        verdict, detail = seen(WWW, answer(changed=truncated), b"\xff\xffabc", EOF)
        assert (verdict, detail) == (Verdict.DOWN, "closed the connection before its DNS answer")


class TestOptions:
    @pytest.mark.parametrize("name", ["", ".", "a..b", "a b", "日本.example", "fe80::1%1", "x" * 64 + ".com", "-".join("x" * 200)])
    def test_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(ValueError, match=r"a name such as www\.example\.com"):
            PROBES["dns"].options["name"].parse(name)

    @pytest.mark.parametrize("values", [[], [""], ["a b"], ["70000 mail.example.com"], "192.0.2.1", [1], ["192.0.2.1"] * 21])
    def test_values_that_are_none(self, values: object) -> None:
        with pytest.raises(ValueError, match="a list of 1 to 20"):
            PROBES["dns"].options["values"].parse(values)

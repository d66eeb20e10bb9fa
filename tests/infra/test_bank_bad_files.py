"""Files that are no message: each is refused by one sentence, soon, and without using up the memory."""

import resource
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.bank import UnreadableMessage, build_pacs008, build_pain001, read_answers
from infra.providers.bank.received import MAX_BYTES
from tests.factories.bank import document, entry, instruction, notification

GOOD = notification(entry("DBIT"))
BOMB = b"<!DOCTYPE a [" + b"".join(
    b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10 if n else b"lol") for n in range(10)
) + b"]><a>&e9;</a>"  # fmt: skip

BAD_FILES = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "truncated": (GOOD[:-30], "not well-formed"),
    "cut inside a character": ("<a>é".encode()[:-1], "not UTF-8"),
    "Latin-1 without saying so": ("<a>é</a>".encode("latin-1"), "not UTF-8"),
    "Latin-1 that says so": (b'<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "encoding is ISO-8859-1"),
    "UTF-16": ('<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"), "not UTF-8"),
    "UTF-7 that says so": (b'<?xml version="1.0" encoding="utf-7"?><a/>', "encoding is utf-7"),
    "binary": (bytes(range(256)) * 64, "not UTF-8"),
    "zeros": (b"\0" * 4096, "not well-formed"),
    "text": (b"Dear bank, where is my money?", "not well-formed"),
    "json": (b'{"status": "ACCP"}', "not well-formed"),
    "billion laughs": (b'<?xml version="1.0"?>' + BOMB, "document type definition"),
    "external entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "document type definition",
    ),
    "external DTD": (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "document type definition"),
    "undefined entity": (b"<a>&x;</a>", "not well-formed"),
    "deep": (b"<a>" * 100_000 + b"</a>" * 100_000, "not well-formed"),
    "nothing but tags": (b"<a>" + b"<b/>" * 2_500_000 + b"</a>", "more markup"),
    "nothing but attributes": (b"<a " + b" ".join(b'a%d=""' % n for n in range(400_000)) + b"/>", "more markup"),
    "one endless name": (b"<" + b"a" * (MAX_BYTES - 10) + b"/>", "not well-formed"),
    "oversize": (GOOD + b" " * MAX_BYTES, "at most"),
    "another format": (b"<html><body>502 Bad Gateway</body></html>", "its root element is html"),
    "no namespace": (GOOD.replace(b' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.054.001.08"', b""), "missing, which"),
    "wrong namespace": (GOOD.replace(b"urn:iso:std:iso:20022:tech:xsd:", b"urn:example:"), "no ISO 20022 message"),
    "element of another namespace": (GOOD.replace(b"<Ntry>", b'<Ntry xmlns="urn:x">'), "another namespace"),
    "two documents": (b"<all>" + GOOD + GOOD + b"</all>", "2 documents"),
    "two files in one": (GOOD + GOOD, "not well-formed"),
    "our own message": (build_pain001(instruction()), "it is a pain.001.001.09"),
    "our own interbank message": (build_pacs008(instruction()), "it is a pacs.008.001.08"),
    "a message we do not read": (document("camt.052.001.08", "<BkToCstmrAcctRpt/>"), "it is a camt.052.001.08"),
    "a version we do not read": (GOOD.replace(b"054.001.08", b"054.001.99"), "versions 02, 04, 06, 08, 10, 12"),
    "another message than it says": (GOOD.replace(b"054.001.08", b"053.001.08"), "BkToCstmrStmt is missing"),
    "no message id": (GOOD.replace(b"<MsgId>BANK-1</MsgId>", b""), "MsgId is missing"),
    "no moment": (GOOD.replace(b"2026-11-20T10:00:00Z", b"soon"), "not a moment"),
    "no account": (GOOD.replace(b"<Id>900100</Id>", b""), "which account"),
    "no direction": (GOOD.replace(b"DBIT", b"BOTH"), "neither CRDT nor DBIT"),
    "no day": (GOOD.replace(b"2026-11-20T23", b"2026-13-20T23"), "not a date"),
    "reference too long": (
        notification(
            entry(
                "DBIT",
                details=f"<NtryDtls><TxDtls><Refs><EndToEndId>{'x' * 36}</EndToEndId></Refs></TxDtls></NtryDtls>",
            )
        ),
        "35 are allowed",
    ),
    "no UETR": (
        notification(entry("DBIT", details="<NtryDtls><TxDtls><Refs><UETR>x</UETR></Refs></TxDtls></NtryDtls>")),
        "not a UETR",
    ),
}


class TestBadFiles:
    @pytest.mark.parametrize(("content", "complaint"), BAD_FILES.values(), ids=BAD_FILES.keys())
    def test_refused_by_a_sentence_soon_and_in_little_memory(self, content: bytes, complaint: str) -> None:
        began, held = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        with pytest.raises(UnreadableMessage, match=complaint) as refusal:
            read_answers(content)

        assert time.process_time() - began < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held < 200 * 1024
        assert len(refusal.value.detail) < 400
        assert "\n" not in refusal.value.detail

    @given(st.binary(max_size=400))
    def test_whatever_is_in_a_file(self, content: bytes) -> None:
        with pytest.raises(UnreadableMessage):
            read_answers(content)

    @given(st.data())
    def test_whatever_is_changed_in_a_good_file(self, data: st.DataObject) -> None:
        at = data.draw(st.integers(0, len(GOOD) - 1))
        broken = GOOD[:at] + data.draw(st.binary(max_size=3)) + GOOD[at + data.draw(st.integers(0, 40)) :]

        try:
            message = read_answers(broken)
        except UnreadableMessage:
            return
        assert message.message_type == "camt.054.001.08"

    def test_a_byte_order_mark_comments_and_supplements_are_no_harm(self) -> None:
        decorated = b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><!-- hello --><?x y?>" + GOOD.replace(
            b"</Ntfctn></BkTo", b"</Ntfctn><SplmtryData><Envlp><o xmlns='urn:o'><p/></o></Envlp></SplmtryData></BkTo"
        )

        assert read_answers(decorated) == read_answers(GOOD)

"""The last look at a message before it leaves, over the very bytes that would leave.

Checked, in this order:

1. The document against the schema that ISO 20022 publishes for it (order, occurrence, lengths, code patterns,
   form of the UETR), and the business application header, where there is one, against our own schema of the
   part we use.
2. What a schema cannot say: IBAN check digits (ISO 13616), BICs with a real country that are no test BICs
   (ISO 9362), routing numbers (ABA, weights 3-7-1), amounts above zero with exactly the decimals of their
   currency, the number and the sum of the payments, characters of the SWIFT x-set only, addresses with town
   and country.
3. That a header speaks of its document: message id, message name, sender and receiver (CBPR+).

Not checked: whether accounts and banks exist, external code lists (purpose), and CBPR+ rules beyond those
named.
"""

import threading
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Final

from lxml import etree
from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from infra.providers.bank.charset import X_SET
from infra.providers.bank.elements import NAMESPACE, written
from models.bank import UnwritableMessage
from models.money import exponent

HEADER: Final = "head.001.001.02"

_SCHEMAS: Final = Path(__file__).parent / "schemas"
# A compiled schema collects its complaints in itself.
_validating = threading.Lock()


def validated(root: etree._Element) -> bytes:
    """`root` as bytes that may leave. Raises `UnwritableMessage` with the first thing that is wrong."""
    content = written(root)
    sent = etree.fromstring(content)
    for part in _parts(sent):
        _follows_schema(part)
    for element in sent.iter():
        _follows_rules(element)
    _totals_agree(sent)
    _header_speaks_of_document(sent)
    return content


def _parts(sent: etree._Element) -> list[etree._Element]:
    """The header, if there is one, and the document."""
    if etree.QName(sent).localname == "Document":
        return [sent]
    return list(sent)


def _message_type(part: etree._Element) -> str:
    return (etree.QName(part).namespace or "").removeprefix(NAMESPACE)


@cache
def _schema(message_type: str) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(_SCHEMAS / f"{message_type}.xsd"))


def _first(document: etree._Element, *paths: str) -> str | None:
    """The text at the first of `paths` that is there: a payment has a group header, a case an assignment."""
    return next((text for path in paths if (text := document.findtext(".//{*}" + path))), None)


def schema_violation(message_type: str, document: etree._Element) -> str | None:
    """What in a received document is against the schema of its message, in a sentence; None where nothing is, or where
    we keep no schema of that version."""
    if not (_SCHEMAS / f"{message_type}.xsd").is_file():
        return None
    schema = _schema(message_type)
    try:
        with _validating:
            schema.assertValid(document)
    except etree.DocumentInvalid as problem:
        return str(problem)
    return None


def _follows_schema(part: etree._Element) -> None:
    schema = _schema(_message_type(part))
    try:
        with _validating:
            schema.assertValid(part)
    except etree.DocumentInvalid as problem:
        raise UnwritableMessage(f"not a valid {_message_type(part)}: {problem}") from None


def _follows_rules(element: etree._Element) -> None:
    name, text = etree.QName(element).localname, (element.text or "").strip()
    if stray := set(text) - X_SET:
        raise UnwritableMessage(f"{name} holds characters outside the SWIFT x-set: {sorted(stray)}")
    if name == "IBAN":
        _is_valid(IBAN, text)
    elif name in {"BICFI", "AnyBIC"}:
        _is_valid(BIC, text)
        if text[7] == "0":
            raise UnwritableMessage(f"{text} is a test BIC")
    elif name == "ClrSysMmbId":
        _is_routing_number(element.findtext("{*}MmbId") or "")
    elif name == "PstlAdr" and (element.find("{*}TwnNm") is None or element.find("{*}Ctry") is None):
        raise UnwritableMessage("an address has at least a town and a country")
    elif (currency := element.get("Ccy")) is not None:
        _is_amount(element, text, currency)


def _is_valid(standard: type[IBAN | BIC], text: str) -> None:
    try:
        standard(text)
    except SchwiftyException as problem:
        raise UnwritableMessage(f"{text} is not a valid {standard.__name__}: {problem}") from None


def _is_routing_number(number: str) -> None:
    if sum(weight * int(digit) for weight, digit in zip((3, 7, 1) * 3, number, strict=True)) % 10:
        raise UnwritableMessage(f"{number} is not a valid ABA routing number: wrong check digit")


def _is_amount(element: etree._Element, text: str, currency: str) -> None:
    name = etree.QName(element).localname
    decimals = len(text.partition(".")[2])
    if decimals != exponent(currency):
        raise UnwritableMessage(f"{name} is {text} {currency}; {currency} has {exponent(currency)} decimals")
    # A charge of nothing is said so; a payment of nothing is none.
    if Decimal(text) == 0 and etree.QName(element.getparent()).localname != "ChrgsInf":
        raise UnwritableMessage(f"{name} is zero")


def _totals_agree(sent: etree._Element) -> None:
    amounts = [Decimal(element.text or "") for element in sent.iterfind(".//{*}Amt/{*}InstdAmt")]
    for count in sent.iterfind(".//{*}NbOfTxs"):
        payments = len(sent.findall(".//{*}CdtTrfTxInf")) + len(sent.findall(".//{*}Undrlyg/{*}TxInf"))
        if int(count.text or "") != payments:
            raise UnwritableMessage(f"NbOfTxs says {count.text}, there are {payments}")
    for total in sent.iterfind(".//{*}CtrlSum"):
        if Decimal(total.text or "") != sum(amounts):
            raise UnwritableMessage(f"CtrlSum says {total.text}, the payments sum to {sum(amounts)}")


def _header_speaks_of_document(sent: etree._Element) -> None:
    header = sent.find("{*}AppHdr")
    if header is None:
        return
    document = sent.find("{*}Document")
    if document is None:
        raise UnwritableMessage("there is a header without a document")
    for name, said, meant in (
        ("BizMsgIdr", header.findtext("{*}BizMsgIdr"), _first(document, "GrpHdr/{*}MsgId", "Assgnmt/{*}Id")),
        ("MsgDefIdr", header.findtext("{*}MsgDefIdr"), _message_type(document)),
        (
            "Fr",
            header.findtext("{*}Fr//{*}BICFI"),
            _first(document, "InstgAgt//{*}BICFI", "Assgnmt/{*}Assgnr//{*}BICFI"),
        ),
        (
            "To",
            header.findtext("{*}To//{*}BICFI"),
            _first(document, "InstdAgt//{*}BICFI", "Assgnmt/{*}Assgne//{*}BICFI"),
        ),
    ):
        if said != meant:
            raise UnwritableMessage(f"{name} of the header says {said}, the document {meant}")

"""The shapes that outgoing messages share: parties, addresses, accounts, agents, amounts.

They are alike in pain.001.001.09 and pacs.008.001.08, which belong to one ISO 20022 release. The order of the
children is the order of the published schema, since a sequence out of order is not a message.
"""

from datetime import datetime
from typing import Final, cast

from lxml import etree
from schwifty import IBAN
from schwifty.exceptions import InvalidChecksumDigits, SchwiftyException

from infra.providers.bank.charset import always_in_x_set, in_x_set
from models.bank import Charges, Party, PostalAddress, UnwritableMessage
from models.money import to_decimal

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:"

CHARGE_BEARER: Final = {Charges.OUR: "DEBT", Charges.SHA: "SHAR", Charges.BEN: "CRED"}


def child(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    """A new last child of `parent`, in its namespace."""
    element = etree.SubElement(parent, etree.QName(etree.QName(parent).namespace, name))
    element.text = text
    return element


def document(message_type: str) -> etree._Element:
    """The root of a message, for example of `pain.001.001.09`."""
    return root(message_type, "Document")


def root(message_type: str, name: str) -> etree._Element:
    """An element that belongs to `message_type` and has its namespace as the default one."""
    namespace = NAMESPACE + message_type
    # The stubs do not know that lxml writes the prefix None as the default namespace.
    nsmap = cast("dict[str, str]", {None: namespace})
    return etree.Element(etree.QName(namespace, name), nsmap=nsmap)


def written(message: etree._Element) -> bytes:
    """The message as it leaves: UTF-8 with an XML declaration. The same tree is always the same bytes."""
    return etree.tostring(message, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def moment(at: datetime) -> str:
    """ISODateTime with its offset, which CBPR+ asks for, to the second."""
    return at.isoformat(timespec="seconds")


def amount(parent: etree._Element, name: str, minor: int, currency: str) -> None:
    """An amount with the currency's own number of decimals, by decimal arithmetic that does not round."""
    child(parent, name, decimals(minor, currency)).set("Ccy", currency)


def decimals(minor: int, currency: str) -> str:
    """`minor` units as the decimal string of the wire: `100000, "USD"` is `1000.00`."""
    return f"{to_decimal(minor, currency):f}"


def is_iban(account: str) -> bool:
    """Whether `account` is an IBAN: the form and length of its country, and its check digits (ISO 13616).

    Raises `UnwritableMessage` where only the check digits are wrong: that is an IBAN with a typing error.
    """
    try:
        IBAN(account)
    except InvalidChecksumDigits:
        raise UnwritableMessage(f"{account} looks like an IBAN, and its check digits are wrong") from None
    except SchwiftyException:
        return False
    return True


def account(parent: etree._Element, name: str, number: str, currency: str | None = None) -> None:
    """An account by IBAN where it is one, otherwise by the number its bank gave it."""
    element = child(parent, name)
    identification = child(element, "Id")
    if is_iban(number):
        child(identification, "IBAN", number.upper())
    else:
        child(child(identification, "Othr"), "Id", number)
    if currency is not None:
        child(element, "Ccy", currency)


def address(parent: etree._Element, where: PostalAddress) -> None:
    """A structured address. A part of which the x-set leaves nothing is not written, but for the town."""
    element = child(parent, "PstlAdr")
    for name, text, limit in (
        ("StrtNm", where.street, 70),
        ("BldgNb", where.building, 16),
        ("PstCd", where.postal_code, 16),
    ):
        if carried := in_x_set(text or "", limit):
            child(element, name, carried)
    child(element, "TwnNm", always_in_x_set(where.town, 35))
    child(element, "Ctry", where.country)


def party(parent: etree._Element, name: str, who: Party) -> etree._Element:
    """A customer or beneficiary by name and address. Its account is an element of its own."""
    element = child(parent, name)
    child(element, "Nm", always_in_x_set(who.name, 140))
    if who.address is not None:
        address(element, who.address)
    return element


def agent_by_bic(parent: etree._Element, name: str, bic: str) -> None:
    """A bank by its BIC alone, the form that every bank on SWIFT can be told in."""
    child(child(child(parent, name), "FinInstnId"), "BICFI", bic)


def clearing_member(institution: etree._Element, routing_number: str) -> None:
    """The bank's number in its clearing system; the one we know is the American (USABA)."""
    member = child(institution, "ClrSysMmbId")
    child(child(member, "ClrSysId"), "Cd", "USABA")
    child(member, "MmbId", routing_number)

"""A received file as a tree that is safe to read, and typed look-ups in it.

What arrives is not trusted. Before it is parsed it is looked at as bytes: its size, its encoding (ISO 20022
is UTF-8), a document type definition (ISO 20022 has none, and every XML bomb and external entity needs one),
and how much markup it holds, since a tree costs many times the bytes it is made of. The parser then neither
resolves nor fetches anything.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from lxml import etree

from infra.providers.bank.elements import NAMESPACE
from models.bank import NOT_PROVIDED, UnreadableMessage
from models.errors import InvalidAmount, UnknownCurrency
from models.money import to_minor

MAX_BYTES: Final = 10 * 1024 * 1024
# A statement of 10 MB has some 400,000 tags and 50,000 attributes; as many bytes of nothing but markup have millions.
MAX_TAGS: Final = 600_000
MAX_ATTRIBUTES: Final = 200_000

_DECLARED = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._\-]+)["']""")
_MESSAGE_TYPE = re.compile(r"[a-z]{4}\.[0-9]{3}\.[0-9]{3}\.[0-9]{2}")
_AMOUNT = re.compile(r"[0-9]{1,18}(\.[0-9]{1,5})?")
_UETR = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")


def document_in(content: bytes) -> tuple[str, "Part"]:
    """The message type and the content of the one `Document` in a file, with or without an envelope around
    it.

    Raises `UnreadableMessage` with a sentence that says why.
    """
    root = _tree(content)
    documents = [root] if _name(root) == "Document" else root.findall(".//{*}Document")
    if not documents:
        raise UnreadableMessage(f"it is no ISO 20022 message: its root element is {_shown(_name(root))}")
    if len(documents) > 1:
        raise UnreadableMessage(f"there are {len(documents)} documents in it; a file holds one message")
    document = documents[0]
    namespace = etree.QName(document).namespace or ""
    message_type = namespace.removeprefix(NAMESPACE)
    if message_type == namespace or not _MESSAGE_TYPE.fullmatch(message_type):
        raise UnreadableMessage(f"its namespace is {_shown(namespace) or 'missing'}, which is no ISO 20022 message")
    for element in document.iter():
        if etree.QName(element).namespace != namespace and not _is_supplement(element):
            raise UnreadableMessage(f"{_shown(_name(element))} is in another namespace than {message_type}")
    return message_type, Part(document, "Document")


def _tree(content: bytes) -> etree._Element:
    if len(content) > MAX_BYTES:
        raise UnreadableMessage(f"the file has {len(content)} bytes; at most {MAX_BYTES} are read")
    if not content.strip():
        raise UnreadableMessage("the file is empty")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise UnreadableMessage(f"the file is not UTF-8: byte {problem.start} cannot be") from None
    declared = _DECLARED.match(content.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared.group(1).lower() not in {b"utf-8", b"us-ascii", b"ascii"}:
        raise UnreadableMessage(f"the file says its encoding is {declared.group(1).decode()}; ISO 20022 is UTF-8")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise UnreadableMessage("the file has a document type definition; ISO 20022 files have none")
    if content.count(b"<") > MAX_TAGS or content.count(b"=") > MAX_ATTRIBUTES:
        raise UnreadableMessage("the file holds more markup than a message of its size can have")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as problem:
        raise UnreadableMessage(f"the file is not well-formed XML: {_shown(problem.msg)}") from None


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname


def _is_supplement(element: etree._Element) -> bool:
    """Inside `SplmtryData/Envlp` a message carries what belongs to another schema, by design."""
    return any(_name(ancestor) == "Envlp" for ancestor in element.iterancestors())


def _shown(text: str) -> str:
    """What a stranger wrote, short enough for a sentence."""
    text = " ".join(text.split())
    return text if len(text) <= 120 else text[:120] + "…"


@dataclass(frozen=True, slots=True)
class Part:
    """An element of a received message, with its path for error messages. Blank texts are absent ones."""

    element: etree._Element
    path: str

    def part(self, path: str) -> "Part | None":
        """The first element at `path`, for example `Refs/EndToEndId`, or None."""
        found = self.element.find(self._qualified(path))
        return None if found is None else Part(found, f"{self.path}/{path}")

    def parts(self, path: str) -> list["Part"]:
        """Every element at `path`, in the order of the message."""
        found = self.element.findall(self._qualified(path))
        return [Part(element, f"{self.path}/{path}[{number}]") for number, element in enumerate(found, start=1)]

    def needed(self, path: str) -> "Part":
        """As `part`. Raises `UnreadableMessage` where there is none."""
        found = self.part(path)
        if found is None:
            raise UnreadableMessage(f"{self.path}/{path} is missing")
        return found

    @property
    def content(self) -> str | None:
        """The text of this very element."""
        return (self.element.text or "").strip() or None

    def text(self, *paths: str) -> str | None:
        """The text of the first of `paths` that has any."""
        for path in paths:
            found = self.part(path)
            if found is not None and (text := found.content):
                return text
        return None

    def needed_text(self, path: str) -> str:
        """As `text`. Raises `UnreadableMessage` where there is none."""
        text = self.text(path)
        if text is None:
            raise UnreadableMessage(f"{self.path}/{path} is missing or empty")
        return text

    def reference(self, *paths: str) -> str | None:
        """An identifier of up to 35 characters; None where it is absent or `NOTPROVIDED`."""
        text = self.text(*paths)
        if text is not None and len(text) > 35:
            raise UnreadableMessage(f"{self.path}/{paths[0]} has {len(text)} characters; 35 are allowed")
        return None if text == NOT_PROVIDED else text

    def uetr(self, path: str) -> str | None:
        """A UETR (UUID version 4), in lower case."""
        text = self.text(path)
        if text is not None and not _UETR.fullmatch(text.lower()):
            raise UnreadableMessage(f"{self.path}/{path} is {_shown(text)}, which is not a UETR")
        return text and text.lower()

    def amount(self, *paths: str) -> tuple[int, str] | None:
        """Minor units and currency of the first of `paths` that is there."""
        for path in paths:
            found = self.part(path)
            if found is not None:
                return found._as_amount()
        return None

    def _as_amount(self) -> tuple[int, str]:
        text, currency = self.content or "", self.element.get("Ccy", "")
        if not _AMOUNT.fullmatch(text):
            raise UnreadableMessage(f"{self.path} is {_shown(text) or 'empty'}, which is not an amount")
        try:
            return to_minor(text, currency), currency
        except (InvalidAmount, UnknownCurrency) as problem:
            raise UnreadableMessage(f"{self.path}: {problem.detail}") from None

    def day(self, path: str) -> date | None:
        """A date as such, or the date of a moment: `Dt` or `DtTm` below `path`, or `path` itself."""
        text = self.text(f"{path}/Dt", f"{path}/DtTm", path)
        if text is None:
            return None
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            raise UnreadableMessage(f"{self.path}/{path} is {_shown(text)}, which is not a date") from None

    def moment(self, path: str) -> datetime:
        """A moment with its offset; one without is taken as UTC, since nothing says where the sender is."""
        text = self.needed_text(path)
        try:
            read = datetime.fromisoformat(text)
        except ValueError:
            raise UnreadableMessage(f"{self.path}/{path} is {_shown(text)}, which is not a moment") from None
        return read if read.tzinfo is not None else read.replace(tzinfo=UTC)

    def _qualified(self, path: str) -> str:
        namespace = etree.QName(self.element).namespace
        return "/".join(f"{{{namespace}}}{step}" for step in path.split("/"))

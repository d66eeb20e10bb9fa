"""PDFs, checked for what acts and written anew from their pages alone. Runs in the sandbox alone.

Refused is what does something: scripts, actions that start programs, reach the network or other files, media, XFA
forms, files inside, passwords, and a file that is something else as well. What is merely interactive is not: the fields
of a form are printed onto their page as they are filled in, links and notes go, and with them the outline, the
metadata and whatever else does not belong to a page. What is then written was read by one parser (qpdf) and drawn by
another (PDFium).
"""

import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary, Name, Object, Pdf, Stream

from infra.inspection.images import check_size, picture_hash
from infra.inspection.refusals import Refused

MOST_PAGES: Final = 100
# Of which text is read: an identity document has one or two.
TEXT_PAGES: Final = 4
MOST_TEXT: Final = 20_000
MOST_OBJECTS: Final = 200_000
DEEPEST: Final = 60
# Points; the page that is drawn to recognise it again, and to see that it can be drawn.
_DRAWN_WIDTH: Final = 400
# What may follow the end of the file: line ends, and the zeros of a block.
_END: Final = re.compile(rb"%%EOF[\r\n\t \x00]*\Z")
_TAIL: Final = 1024
# Where a reader of ZIP files looks for their directory, and a browser for a page.
_ZIP_TAIL: Final = 65_557
_SNIFFED: Final = 1024
_ZIP_END: Final = b"PK\x05\x06"
_PAGES_OF_BROWSERS: Final = re.compile(rb"<\s*(?:!doctype|html|script|svg|body|iframe|\?php)", re.IGNORECASE)

_ACTIONS: Final = frozenset(
    {
        "/JavaScript",
        "/Launch",
        "/SubmitForm",
        "/ImportData",
        "/GoToE",
        "/GoToR",
        "/Rendition",
        "/Movie",
        "/Sound",
        "/RichMediaExecute",
        "/GoTo3DView",
        "/SetOCGState",
        "/Hide",
    }
)
_MEDIA: Final = frozenset({"/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"})
_ACTING_KEYS: Final = frozenset({"/JS", "/JavaScript", "/XFA", "/RichMediaContent"})
_EMBEDDING_KEYS: Final = frozenset({"/EmbeddedFiles", "/EF", "/Collection"})
# What a page consists of (ISO 32000-2, table 31); the rest of a page dictionary is about something else.
_PAGE_KEYS: Final = frozenset(
    {"/Type", "/Parent", "/Resources", "/MediaBox", "/CropBox", "/Rotate", "/Contents", "/Group", "/UserUnit"}
)


def rewrite(source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
    """Writes the pages of the PDF `source` to `target` and says what it is. Raises `Refused`."""
    raw = source.read()
    _check_nothing_else(raw)
    source.seek(0)
    try:
        with pikepdf.open(source) as document:
            _check_size(document)
            for found in _everything(document):
                _check_still(found)
            pages = _rewritten(document, target)
    except pikepdf.PasswordError:
        raise Refused("encrypted") from None
    except (pikepdf.PdfError, pikepdf.ForeignObjectError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        # What stands where something else should is found only when it is touched.
        raise Refused("broken") from None
    return {"pages": pages, **_drawn(target)}


def text(source: BinaryIO) -> str:
    """The text of the first pages, as the file itself has it. Raises `Refused`."""
    try:
        with pypdfium2.PdfDocument(source, autoclose=False) as document:
            pages = [
                document[number].get_textpage().get_text_range() for number in range(min(len(document), TEXT_PAGES))
            ]
    except pypdfium2.PdfiumError:
        raise Refused("broken") from None
    return "\n".join(pages)[:MOST_TEXT]


def _check_nothing_else(raw: bytes) -> None:
    if not _END.search(raw[-_TAIL:]):
        # Whether the end is missing, or something follows it.
        raise Refused("polyglot" if b"%%EOF" in raw else "broken")
    if _ZIP_END in raw[-_ZIP_TAIL:] or _PAGES_OF_BROWSERS.search(raw[:_SNIFFED]):
        raise Refused("polyglot")


def _check_size(document: Pdf) -> None:
    if document.is_encrypted:
        raise Refused("encrypted")
    if len(document.objects) > MOST_OBJECTS:
        raise Refused("too_complex")
    if len(document.pages) > MOST_PAGES:
        raise Refused("too_many_pages")
    if not document.pages:
        raise Refused("no_pages")


def _everything(document: Pdf) -> Iterator[Object]:
    """Every dictionary of the file, also those that nothing refers to."""
    looked = 0
    roots: list[tuple[Object, int]] = [(document.trailer, 0)]
    roots += [(one, 0) for one in document.objects]
    while roots:
        found, depth = roots.pop()
        looked += 1
        if depth > DEEPEST or looked > 10 * MOST_OBJECTS:
            raise Refused("too_complex")
        if isinstance(found, (Dictionary, Stream)):
            yield found
            # What is referred to is an object of its own, and comes by itself.
            roots += [(one, depth + 1) for _, one in found.items() if _is_inside(one)]
        elif isinstance(found, Array):
            roots += [(one, depth + 1) for one in found if _is_inside(one)]


def _is_inside(one: Any) -> bool:
    return isinstance(one, (Dictionary, Array)) and not one.is_indirect


def _check_still(found: Object) -> None:
    keys = set(found.keys())
    if (
        keys & _EMBEDDING_KEYS
        or _named(found, "/Type") == "/EmbeddedFile"
        or _named(found, "/Subtype") == "/FileAttachment"
    ):
        raise Refused("embedded_file")
    if keys & _ACTING_KEYS or _named(found, "/S") in _ACTIONS or _named(found, "/Subtype") in _MEDIA:
        raise Refused("active_content")
    if _named(found, "/Subtype") == "/Image" and "/Width" in keys:
        check_size(int(found["/Width"]), int(found["/Height"]))


def _named(found: Object, key: str) -> str:
    value = found.get(key)
    return str(value) if isinstance(value, Name) else ""


def _rewritten(document: Pdf, target: BinaryIO) -> int:
    if any("/AP" not in field for page in document.pages for field in page.get("/Annots", ())):
        # What was filled in by a program that leaves drawing it to others.
        document.Root.get("/AcroForm", Dictionary()).NeedAppearances = True
    document.generate_appearance_streams()
    document.flatten_annotations("print")
    with pikepdf.new() as fresh:
        fresh.pages.extend(document.pages)
        for page in fresh.pages:
            for key in set(page.obj.keys()) - _PAGE_KEYS:
                del page.obj[key]
        fresh.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate, deterministic_id=True)
        return len(fresh.pages)


def _drawn(target: BinaryIO) -> dict[str, Any]:
    target.seek(0)
    try:
        with pypdfium2.PdfDocument(target, autoclose=False) as drawn:
            page = drawn[0]
            width, height = page.get_size()
            picture = page.render(scale=_DRAWN_WIDTH / max(width, height, 1)).to_pil()
    except pypdfium2.PdfiumError:
        raise Refused("broken") from None
    return {"width": max(round(width), 1), "height": max(round(height), 1), "picture_hash": picture_hash(picture)}

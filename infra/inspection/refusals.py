"""Why a file is refused, in words that the person who sent it can act on."""

from typing import Final

# By the reason that the answer carries.
SENTENCES: Final = {
    "empty": "The file is empty",
    "not_a_document": "The file is neither a PDF nor a PNG or JPEG picture",
    "broken": "The file is damaged or incomplete",
    "too_many_pixels": "The picture has more pixels than are taken; save it smaller",
    "too_many_pages": "The document has more pages than are taken",
    "no_pages": "The document has no pages",
    "too_large_rewritten": "The picture cannot be kept in a reasonable size; save it smaller",
    "too_complex": "The file takes more time or memory than it should; scan it or print it into a new file",
    "encrypted": "The document is protected by a password; save it without one",
    "active_content": "The document holds scripts, actions, media or forms that act; print it into a new PDF",
    "embedded_file": "The document has other files inside; print it into a new PDF",
    "polyglot": "The file holds more than the document; print or save it into a new file",
}


class Refused(Exception):
    """The file is not taken, for one of the reasons of `SENTENCES`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

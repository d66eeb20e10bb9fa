"""How a message looks: as plain text, and as HTML that loads nothing from anywhere.

The words are those of the letter, once; the templates add what is around them. `templates/<event>.html` is the
template of an event, `templates/wire.html` that of all `wire.…` events, `templates/security.html` that of other events
of somebody's sign-in, and `templates/notice.html` that of all else.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, select_autoescape

from infra.providers.email.message import Email
from models.notifications import SECURITY_EVENTS

_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_LINK: Final = re.compile(r"https?://[^\s<>\"]+")
# What `secrets.token_urlsafe(32)` writes.
_CODE: Final = re.compile(r"[\w-]{40,64}")


@dataclass(frozen=True)
class Piece:
    """A paragraph of a letter: `link` and `code` stand alone in theirs, `lines` are kept apart, `text` is the rest."""

    kind: str
    text: str


def pieces(body: str) -> list[Piece]:
    """The paragraphs of a letter, which blank lines part."""
    return [_piece(part.strip("\n")) for part in re.split(r"\n\s*\n", body) if part.strip()]


def _piece(paragraph: str) -> Piece:
    alone = paragraph.strip()
    if _LINK.fullmatch(alone):
        return Piece("link", alone)
    if _CODE.fullmatch(alone):
        return Piece("code", alone)
    if paragraph.startswith(" ") or "\n" in alone:
        return Piece("lines", "\n".join(line.strip() for line in paragraph.splitlines()))
    return Piece("text", alone)


def rendered(email: Email) -> tuple[str, str]:
    """`email` as plain text and as HTML."""
    words = {"subject": email.subject, "key": email.key, "body": email.body.strip(), "pieces": pieces(email.body)}
    return _TEMPLATES.get_template("layout.txt").render(words), _html(email.event).render(words)


def _html(event: str) -> Template:
    rest = "security.html" if event in SECURITY_EVENTS else "notice.html"
    return _TEMPLATES.select_template([f"{event.split('.', 1)[0]}.html", rest])

"""Documents as PDF, set by typst: tagged, PDF/A-3 and PDF/UA-1, with the data that they show attached (ISO 19005-3).

Templates are the `.typ` files beside this. They are given their data as a file, never as text to be read as markup, so
that nothing a customer wrote is a command to the typesetter. Fonts are those inside the typesetter and Noto's (SIL Open
Font License), which come as packages, so that a name is set in its own script on every machine alike.
"""

import asyncio
import datetime
import re
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

import manimgx_fonts
import manimgx_fonts_cjk
import orjson
import typst

_TEMPLATES: Final = Path(__file__).parent
# Nobody sees these, but they turn the text around them: a name could read as another one (Unicode TR 36, 2.4).
_TURNING: Final = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Of what Unicode calls "other", these two shape the letters beside them.
_JOINERS: Final = "\u200c\u200d"
# What every font here has signs for: Latin, Greek, Cyrillic, punctuation, the euro.
_SURELY_SHOWN: Final = re.compile(
    "[\t\n\x20-\x7e\xa0-\u024f\u0370-\u03ff\u0400-\u04ff\u1e00-\u1eff\u2010-\u2027\u2030-\u203a\u20ac]"
)


# Setting is work for processors, and each thread that sets keeps memory for it: two, whoever asks.
_SETTERS: Final = ThreadPoolExecutor(2, "typeset")


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    folders = [Path(font.__file__).parent for font in (manimgx_fonts, manimgx_fonts_cjk)]
    return typst.Fonts(include_system_fonts=False, font_paths=folders)


async def pdf(
    template: str, data: Mapping[str, Any], *, made_at: datetime.datetime, attached: Mapping[str, bytes]
) -> bytes:
    """The document `template`.typ over `data`, with files attached. The same input gives the same bytes.

    A sign that no font has, or that nobody would see, is shown as its code point: `<U+202E>`.
    """
    act = partial(set_now, template, data, made_at=made_at, attached=attached)
    return await asyncio.get_running_loop().run_in_executor(_SETTERS, act)


def set_now(
    template: str, data: Mapping[str, Any], *, made_at: datetime.datetime, attached: Mapping[str, bytes]
) -> bytes:
    """As `pdf`, in this thread."""
    try:
        return _set(template, _shown(data, _is_text), made_at, attached)
    except typst.TypstError:
        # A document for archives has to show every sign, and one of these is in no font. A template that is wrong fails
        # again.
        return _set(template, _shown(data, _SURELY_SHOWN.match), made_at, attached)


def _set(template: str, data: Any, made_at: datetime.datetime, attached: Mapping[str, bytes]) -> bytes:
    files = {
        "main.typ": (_TEMPLATES / f"{template}.typ").read_bytes(),
        "fonts.typ": (_TEMPLATES / "fonts.typ").read_bytes(),
        "data.json": orjson.dumps(data),
        **attached,
    }
    return typst.compile(  # type: ignore[call-overload, no-any-return] # its stubs do not know of several files
        files,
        pdf_standards=["a-3a", "ua-1"],
        # It takes an offset, not a zone.
        timestamp=made_at.astimezone(datetime.UTC),
        font_paths=_fonts(),
    )


def _is_text(sign: str) -> bool:
    return sign in "\t\n" + _JOINERS or not (_TURNING.match(sign) or unicodedata.category(sign).startswith("C"))


def _shown(value: Any, known: Callable[[str], object]) -> Any:
    if isinstance(value, str):
        return (
            value
            if value.isascii() and value.isprintable()
            else "".join(sign if known(sign) else f"<U+{ord(sign):04X}>" for sign in value)
        )
    if isinstance(value, Mapping):
        return {str(name): _shown(part, known) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(part, known) for part in value]
    return value

"""Documents as PDF, set by typst: tagged, PDF/A-3, with the data that they show attached (ISO 19005-3).

Templates are the `.typ` files beside this. They are given their data as a file, never as text to be read as markup, so
that nothing a customer wrote is a command to the typesetter.
"""

import asyncio
import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typst

_TEMPLATES: Final = Path(__file__).parent
# What the fonts inside the typesetter have signs for: Latin, Greek, Cyrillic, punctuation, currencies, arrows.
_SHOWN: Final = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u024f\u0370-\u03ff\u0400-\u04ff\u1e00-\u1eff\u2010-\u2027\u2030-\u203a\u20ac]"
)


async def pdf(template: str, data: bytes, *, made_at: datetime.datetime, attached: Mapping[str, bytes]) -> bytes:
    """The document `template`.typ over `data` (JSON), with files attached. The same input gives the same bytes."""
    files = {
        "main.typ": (_TEMPLATES / f"{template}.typ").read_bytes(),
        "data.json": data,
        **attached,
    }

    def set_it() -> bytes:
        return typst.compile(  # type: ignore[call-overload, no-any-return] # its stubs do not know of several files
            files,
            pdf_standards=["a-3a"],
            timestamp=made_at,
            ignore_system_fonts=True,
        )

    return await asyncio.to_thread(set_it)


def shown(value: Any) -> Any:
    """`value` with signs that the fonts have not as their code points: `张` is shown as `<U+5F20>`."""
    if isinstance(value, str):
        return _SHOWN.sub(lambda sign: f"<U+{ord(sign[0]):04X}>", value)
    if isinstance(value, Mapping):
        return {shown(name): shown(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [shown(part) for part in value]
    return value

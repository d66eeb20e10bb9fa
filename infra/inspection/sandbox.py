"""The process that looks into one file, started by `infra.inspection.inspector`:

    python -m infra.inspection.sandbox TASK DESCRIPTOR

It reads the file from its standard input and writes one JSON object to its standard output; the file as it is to be
kept goes to the descriptor that the command line names. It is given no secret, limits its own memory and time before
it loads a parser, and whatever happens to it happens to nobody else.
"""

import json
import os
import resource
import sys
from typing import Any, BinaryIO, Final

from infra.inspection.refusals import Refused

MEMORY: Final = 1536 * 1024 * 1024
# Two seconds for reading a picture, on a machine of today.
CPU_SECONDS: Final = {"rewrite": 20, "read_text": 20, "read_lines": 60}
FILE: Final = 64 * 1024 * 1024
_CONTENT_TYPES: Final = {"PDF": "application/pdf", "PNG": "image/png", "JPEG": "image/jpeg"}


def main() -> int:
    """Does what the command line names. The exit status is 0 also for a file that is refused."""
    name = sys.argv[1]
    _limit(CPU_SECONDS[name])
    task = {"rewrite": _rewrite, "read_text": _read_text, "read_lines": _read_lines}[name]
    try:
        with os.fdopen(0, "rb", closefd=False) as source:
            source.seek(0)
            answer = task(source)
    except Refused as refused:
        answer = {"refused": refused.reason}
    except (MemoryError, RecursionError):
        answer = {"refused": "too_complex"}
    sys.stdout.write(f"{json.dumps(answer)}\n")
    sys.stdout.flush()
    # Past the clean-up of native libraries, which a strange file may have left in any state.
    os._exit(0)


def _limit(seconds: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
    ):
        resource.setrlimit(what, (most, most))


def _kind(source: BinaryIO) -> str:
    """What the file is by its first bytes."""
    beginning = source.read(16)
    source.seek(0)
    if beginning.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if beginning.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if beginning.startswith(b"%PDF-"):
        return "PDF"
    if not beginning:
        raise Refused("empty")
    if _has_late_pdf_header(source):
        raise Refused("polyglot")
    raise Refused("not_a_document")


def _has_late_pdf_header(source: BinaryIO) -> bool:
    # Readers take a header within the first 1024 bytes; what stands before it is for another reader.
    found = b"%PDF-" in source.read(1024)
    source.seek(0)
    return found


def _rewrite(source: BinaryIO) -> dict[str, Any]:
    kind = _kind(source)
    with os.fdopen(int(sys.argv[2]), "w+b", closefd=False) as target:
        if kind == "PDF":
            from infra.inspection import pdfs  # noqa: PLC0415 # a parser is loaded for its own files alone

            found = pdfs.rewrite(source, target)
        else:
            from infra.inspection import images  # noqa: PLC0415 # a parser is loaded for its own files alone

            found = images.rewrite(source, target, kind)
    return {"content_type": _CONTENT_TYPES[kind], **found}


def _read_text(source: BinaryIO) -> dict[str, Any]:
    if _kind(source) != "PDF":
        return {"text": ""}
    from infra.inspection import pdfs  # noqa: PLC0415 # a parser is loaded for its own files alone

    return {"text": pdfs.text(source)}


def _read_lines(source: BinaryIO) -> dict[str, Any]:
    kind = _kind(source)
    from infra.inspection import zones  # noqa: PLC0415 # half a second and 300 MB, for this task alone

    return zones.lines(source, kind)


if __name__ == "__main__":
    main()

"""Has each file looked into by a process of its own, which is ended if it takes too long.

The files between the two are without a name, so that nothing is left behind whatever becomes of either. A process
costs about 0.1 s; in return a parser that is led astray by a file meets neither our memory nor our keys, and what it
allocates is not ours for ever after.
"""

import asyncio
import hashlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
import structlog
from pydantic import TypeAdapter, ValidationError

from infra.inspection.refusals import SENTENCES
from models.kyc.documents import DocumentRefused, Inspected

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 30.0
_ROOT: Final = Path(__file__).resolve().parents[2]
_MOST_SAID: Final = 64 * 1024
# Libraries that calculate start a thread for each core as they are loaded, and each takes of the memory.
_ONE_CORE: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_ENVIRONMENT: Final = {
    "PYTHONPATH": str(_ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "LC_ALL": "C.UTF-8",
    **_ONE_CORE,
}
_PIECE: Final = 256 * 1024
_READINGS: Final = TypeAdapter(list[list[str]])


class Inspector:
    """Looks into files, so many at the same moment; who comes then waits."""

    def __init__(self, at_once: int, patience: float = PATIENCE_SECONDS) -> None:
        """`patience` in seconds, for one file."""
        self._turns = asyncio.Semaphore(at_once)
        self._patience = patience

    @asynccontextmanager
    async def rewritten(self, upload: BinaryIO) -> AsyncIterator[tuple[Inspected, BinaryIO]]:
        """What the file is, and the file as it is to be kept, until the block ends. Raises `DocumentRefused`."""
        with await asyncio.to_thread(tempfile.TemporaryFile) as target:
            said = await self._ask("rewrite", upload, target)
            upload_hash = await asyncio.to_thread(_sha256, upload)
            file_hash = await asyncio.to_thread(_sha256, target)
            size = os.fstat(target.fileno()).st_size
            found = Inspected(**said, upload_hash=upload_hash, file_hash=file_hash, size_bytes=size)
            target.seek(0)
            yield found, target

    async def text(self, content: BinaryIO) -> str:
        """The text that a PDF carries on its first pages; nothing for a picture, which nobody reads here.

        Raises `DocumentRefused` for a file that cannot be read.
        """
        with await asyncio.to_thread(tempfile.TemporaryFile) as unused:
            return str((await self._ask("read_text", content, unused))["text"])

    async def lines(self, content: BinaryIO) -> list[list[str]]:
        """The long lines of text on a picture, or on the first pages of a PDF as they are drawn, from the top down: for
        each page as it stands, and on its head.

        Raises `DocumentRefused` for a file that cannot be read, or takes too long.
        """
        with await asyncio.to_thread(tempfile.TemporaryFile) as unused:
            answer = await self._ask("read_lines", content, unused)
        try:
            return _READINGS.validate_python(answer.get("readings"))
        except ValidationError:
            # A process that a file has led astray may say anything.
            raise _refusal("too_complex") from None

    async def _ask(self, task: str, source: BinaryIO, target: BinaryIO) -> dict[str, Any]:
        async with self._turns:
            process = await _started(task, source, target)
            try:
                async with asyncio.timeout(self._patience):
                    assert process.stdout is not None
                    said = await process.stdout.readline()
                    status = await process.wait()
            except (TimeoutError, ValueError):
                # The latter where it says more than a line has room for.
                said, status = b"", None
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if status != 0:
            # Out of time or memory, or a parser fell.
            log.warning("inspection.process_ended", task=task, status=status)
            raise _refusal("too_complex")
        answer: dict[str, Any] = orjson.loads(said)
        if "refused" in answer:
            raise _refusal(str(answer["refused"]))
        return answer


async def _started(task: str, source: BinaryIO, target: BinaryIO) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.inspection.sandbox",
        task,
        str(target.fileno()),
        stdin=source.fileno(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        pass_fds=(target.fileno(),),
        limit=_MOST_SAID,
        cwd=_ROOT,
        env=_ENVIRONMENT,
    )


def _refusal(reason: str) -> DocumentRefused:
    return DocumentRefused(SENTENCES[reason], reason=reason)


def _sha256(file: BinaryIO) -> str:
    file.seek(0)
    whole = hashlib.sha256()
    while piece := file.read(_PIECE):
        whole.update(piece)
    return whole.hexdigest()

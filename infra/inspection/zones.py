"""The lines of a machine-readable zone, read from pictures: photographs, scans, and PDFs that consist of them. Runs in
the sandbox alone.

Two networks of PP-OCR look at the picture, on one core of the processor, from files that came with the package: one
says where lines of text are, the other what they say. Only lines as long and thin as those of a zone are read. Whether
they are one is not decided here (`models.kyc.mrz_seen`).
"""

from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import pypdfium2
import rapidocr
from PIL import Image

from infra.inspection.refusals import Refused

# Of a PDF: both sides of a card. Each takes a second.
MOST_PAGES: Final = 2
# The longest side of a page as it is drawn: 200 dots an inch of A4.
_DRAWN: Final = 2400
# The longest side of what is searched for lines. What is read is cut out of the whole picture.
_SEARCHED: Final = 1280
# Pixels of a line's height, which the network that reads was made for.
_HEIGHT: Final = 48
# A line of a zone is 19 to 33 times as long as it is high.
_THINNEST: Final = 12.0
_MOST_LINES: Final = 12
_MODELS: Final = Path(rapidocr.__file__).parent / "models"
# A line, by its corners: top left, top right, bottom right, bottom left.
Corners = Any


def lines(source: BinaryIO, kind: str) -> dict[str, Any]:
    """The long lines on the pages of `source`, from the top down: for each page as it stands, and on its head. Raises
    `Refused`."""
    engine = _engine()
    readings: list[list[str]] = []
    for page in _pages(source, kind):
        readings += _readings(engine, page)
    return {"readings": readings}


def _engine() -> rapidocr.RapidOCR:
    one_core = {f"EngineConfig.onnxruntime.{kind}_op_num_threads": 1 for kind in ("intra", "inter")}
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": 2 * _SEARCHED,
            "Det.limit_type": "max",
            "Det.limit_side_len": _SEARCHED,
            # Named, so that nothing is looked for elsewhere.
            "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
            "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
            **one_core,
        }
    )


def _pages(source: BinaryIO, kind: str) -> list[Image.Image]:
    try:
        if kind != "PDF":
            with Image.open(source, formats=[kind]) as opened:
                return [opened.convert("RGB")]
        with pypdfium2.PdfDocument(source, autoclose=False) as document:
            pages = [document[number] for number in range(min(len(document), MOST_PAGES))]
            return [page.render(scale=_DRAWN / max(*page.get_size(), 1)).to_pil().convert("RGB") for page in pages]
    except (pypdfium2.PdfiumError, OSError, SyntaxError, ValueError):
        # Pillow has no error of its own for what it cannot read.
        raise Refused("broken") from None


def _readings(engine: rapidocr.RapidOCR, page: Image.Image) -> list[list[str]]:
    found = _long_lines(engine, page)
    if not found:
        return []
    cut = [_cut(page, corners) for corners in found]
    upright = [_read(engine, line) for line in cut]
    # The page stands on its head as often as not where it lay sideways.
    turned = [_read(engine, line.transpose(Image.Transpose.ROTATE_180)) for line in reversed(cut)]
    return [upright, turned]


def _long_lines(engine: rapidocr.RapidOCR, page: Image.Image) -> list[Corners]:
    small = page.copy()
    small.thumbnail((_SEARCHED, _SEARCHED))
    said: Any = engine(_array(small), use_det=True, use_cls=False, use_rec=False)
    if said.boxes is None:
        return []
    scale = page.width / small.width
    standing = [_along(np.asarray(box, dtype=float) * scale) for box in said.boxes]
    thin = [corners for corners in standing if _length(corners) >= _THINNEST * _thickness(corners)]
    longest = sorted(thin, key=_length, reverse=True)[:_MOST_LINES]
    if not longest:
        return []
    # From line to line, as the longest of them lies.
    down = longest[0][3] - longest[0][0]
    return sorted(longest, key=lambda corners: float(corners.mean(axis=0) @ down))


def _along(corners: Corners) -> Corners:
    """Corners that begin where the line does, also for one that goes up or down the page."""
    return corners if _length(corners) >= _thickness(corners) else np.roll(corners, 1, axis=0)


def _length(corners: Corners) -> float:
    return float(np.linalg.norm(corners[1] - corners[0]))


def _thickness(corners: Corners) -> float:
    return max(float(np.linalg.norm(corners[3] - corners[0])), 1.0)


def _cut(page: Image.Image, corners: Corners) -> Image.Image:
    top_left, top_right, bottom_right, bottom_left = corners
    width = round(_length(corners) / _thickness(corners) * _HEIGHT)
    quad = [*top_left, *bottom_left, *bottom_right, *top_right]
    return page.transform((width, _HEIGHT), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)


def _read(engine: rapidocr.RapidOCR, line: Image.Image) -> str:
    said: Any = engine(_array(line), use_det=False, use_cls=False, use_rec=True)
    return str(said.txts[0]) if said.txts else ""


def _array(picture: Image.Image) -> Any:
    # The networks know colours as blue, green, red.
    return np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])

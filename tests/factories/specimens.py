"""Passports and identity cards that nobody was given, as customers photograph and scan them. Names, numbers and days
are drawn by lot; the layout is that of ICAO Doc 9303, parts 4 and 5."""

import io
import math
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from models.kyc.mrz import MrzFormat, check_digit

FONT: Final = Path(__file__).parent / "fonts" / "OCRB.otf"
# Millimetres: the width of a letter of size I (Doc 9303-3, 4.4), and how long and high the documents are.
_PITCH: Final = 2.54
_MEASURES: Final = {MrzFormat.TD3: (125.0, 88.0), MrzFormat.TD1: (85.6, 54.0)}
# From the lower edge to the first line of the zone, and from line to line.
_ZONE: Final = {MrzFormat.TD3: (16.5, 6.35), MrzFormat.TD1: (15.5, 4.23)}
_SURNAMES: Final = ("ERIKSSON", "VAN<DER<BERG", "OCONNOR", "QUILL", "SOERENSEN", "DE<OLIVEIRA<E<SILVA", "LI", "BOBOLI",
                    "GRZEGORZEWSKI", "ABDULLAHI", "HUMMELGAARD")  # fmt: skip
_GIVEN: Final = ("ANNA<MARIA", "ADA", "JOHN", "BJORN<OLE", "WILHELMINA<CATHARINA", "XI", "KOFI", "ZSUZSANNA", "OLOF")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS: Final = "0123456789"


@dataclass(frozen=True)
class Shot:
    """How a document came into a file. `width`: of the document in pixels. `angle` and `turn` in degrees, `noise` in
    levels of brightness, `blur` in thousandths of the width; `shade` and `tilt` as parts of one."""

    width: int = 1400
    angle: float = 0
    turn: int = 0
    noise: float = 0
    blur: float = 0
    quality: int = 90
    shade: float = 0
    tilt: float = 0
    table: bool = False
    grey: bool = False


def zone(lot: random.Random, size: MrzFormat) -> list[str]:
    """The lines of a zone, its check digits right."""
    state, sex = lot.choice(("UTO", "NLD", "D<<", "POL", "FRA", "ESP")), lot.choice("MF<")
    number = "".join(lot.choices(_LETTERS + _DIGITS, k=9))
    if lot.random() < 0.5:
        number = lot.choice("ABCNX") + "".join(lot.choices(_DIGITS, k=8))
    born, ends = (_checked(f"{lot.randint(*years)}{lot.randint(1, 12):02}{lot.randint(1, 28):02}")
                  for years in ((40, 99), (27, 36)))  # fmt: skip
    names = f"{lot.choice(_SURNAMES)}<<{lot.choice(_GIVEN)}"
    more = "".join(lot.choices(_DIGITS, k=lot.choice((0, 9))))
    if size is MrzFormat.TD3:
        lower = f"{_checked(number)}{state}{born}{sex}{ends}{_checked(more.ljust(14, '<'))}"
        return [f"P<{state}{names}".ljust(44, "<")[:44], lower + check_digit(lower[:10] + lower[13:20] + lower[21:43])]
    upper, middle = f"I<{state}{_checked(number)}{more}".ljust(30, "<"), f"{born}{sex}{ends}{state}".ljust(29, "<")
    middle += check_digit(upper[5:] + middle[:7] + middle[8:15] + middle[18:])
    return [upper, middle, names.ljust(30, "<")[:30]]


def document(lines: list[str], lot: random.Random, width: int) -> Image.Image:
    """The page of a passport or the back of a card with that zone, `width` pixels wide."""
    size = MrzFormat.TD3 if len(lines) == 2 else MrzFormat.TD1
    scale = width / _MEASURES[size][0]
    height = round(_MEASURES[size][1] * scale)
    paper = tuple(lot.randint(215, 250) for _ in range(3))
    page = Image.new("RGB", (width, height), paper)
    pen = ImageDraw.Draw(page)
    for number in range(25):
        swing, waves = lot.uniform(0.02, 0.08) * height, lot.uniform(1, 5) * math.tau / width
        line = [(x, height * number / 25 + swing * math.sin(x * waves)) for x in range(0, width, width // 100)]
        pen.line(line, fill=tuple(one - lot.randint(8, 40) for one in paper), width=max(1, round(scale * 0.15)))
    pen.rectangle([4 * scale, 8 * scale, 26 * scale, 33 * scale], fill=(150, 140, 130))
    printed = ImageFont.truetype(FONT, 2.4 * scale)
    for number, words in enumerate(("UTOPIA", "SPECIMEN", "FICTIONAL AUTHORITY", "12 AUG / AOUT 74")):
        pen.text((30 * scale, (6 + number * 5) * scale), words, fill=(40, 40, 60), font=printed)
    font = ImageFont.truetype(FONT, 100)
    font = ImageFont.truetype(FONT, 100 * _PITCH * scale / font.getlength("A"))
    left = (width - len(lines[0]) * _PITCH * scale) / 2
    for row, text in enumerate(lines):
        top = height - (_ZONE[size][0] - row * _ZONE[size][1]) * scale
        for place, letter in enumerate(text):
            pen.text((left + place * _PITCH * scale, top), letter, fill=(30, 30, 30), font=font)
    return page


def taken(page: Image.Image, lot: random.Random, shot: Shot) -> Image.Image:
    """The document as a scanner or a camera has it."""
    width, height = page.size
    frame = (round(width * 1.3), round(height * 1.5)) if shot.table else (round(width * 1.08), round(height * 1.12))
    under = _table(lot, *frame) if shot.table else Image.new("RGB", frame, (250, 250, 248))
    whole = page.convert("RGBA")
    if shot.tilt:
        lean = shot.tilt * width
        corners = (-lean, -lean / 2, 0, height + lean / 3, width, height, width + lean / 2, 0)
        whole = whole.transform(whole.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC)
    whole = whole.rotate(shot.angle, Image.Resampling.BICUBIC, expand=True)
    under.paste(whole, ((under.width - whole.width) // 2, (under.height - whole.height) // 2), whole)
    light = np.asarray(under, dtype=np.float32)
    light = light * np.linspace(1, 1 - shot.shade, under.width, dtype=np.float32)[None, :, None]
    grain = np.random.default_rng(lot.getrandbits(32)).normal(0, shot.noise, light.shape[:2]) if shot.noise else 0
    seen = Image.fromarray((light + np.expand_dims(grain, -1)).clip(0, 255).astype(np.uint8))
    seen = seen.filter(ImageFilter.GaussianBlur(shot.blur * width / 1000)).rotate(shot.turn, expand=True)
    return seen.convert("L") if shot.grey else seen


def jpeg(lines: list[str], shot: Shot, seed: int = 1) -> bytes:
    """A file as a customer sends it."""
    lot, written = random.Random(seed), io.BytesIO()
    taken(document(lines, lot, shot.width), lot, shot).save(written, "JPEG", quality=shot.quality)
    return written.getvalue()


def scanned_pdf(lines: list[str], seed: int = 1) -> bytes:
    """A PDF whose page is a picture: a passport in the middle of a sheet of A4, at 150 dots an inch."""
    sheet, written = Image.new("RGB", (1240, 1754), "white"), io.BytesIO()
    sheet.paste(document(lines, random.Random(seed), 738), (250, 300))
    sheet.save(written, "PDF", resolution=150)
    return written.getvalue()


def _checked(text: str) -> str:
    return text + check_digit(text)


def _table(lot: random.Random, width: int, height: int) -> Image.Image:
    """Wood, more or less."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = 18 * np.sin(rows * lot.randint(20, 60) / height + 2 * np.sin(columns / width * 6))
    colour = np.array([lot.randint(60, 200) for _ in range(3)], dtype=np.float32)
    return Image.fromarray((grain[:, :, None] + colour).clip(0, 255).astype(np.uint8))

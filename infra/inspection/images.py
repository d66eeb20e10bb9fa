"""Pictures, written anew: what a camera or an editor noted beside the picture is gone, and so is what else was in the
file. Runs in the sandbox alone."""

from io import BytesIO
from typing import Any, BinaryIO, Final

from PIL import Image, ImageOps, UnidentifiedImageError

from infra.inspection.refusals import Refused

# A page of A4 at 600 dots an inch has 35 million.
MOST_PIXELS: Final = 50_000_000
LONGEST_SIDE: Final = 20_000
MOST_REWRITTEN: Final = 30 * 1024 * 1024
JPEG_QUALITY: Final = 90
# Grey levels between the lightest and the darkest field of a page that has something to recognise.
_LEAST_CONTRAST: Final = 24
# The limits above are ours, checked before anything is decoded; the library would warn below and raise above its own.
Image.MAX_IMAGE_PIXELS = None


def rewrite(source: BinaryIO, target: BinaryIO, kind: str) -> dict[str, Any]:
    """Writes the picture of `source` (`PNG` or `JPEG`) to `target` and says what it is. Raises `Refused`."""
    try:
        with Image.open(source, formats=[kind]) as opened:
            check_size(*opened.size)
            opened.load()
            # As its camera was held, which only the metadata says.
            picture = _plain(ImageOps.exif_transpose(opened))
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        # Pillow has no error of its own for what it cannot read.
        raise Refused("broken") from None
    written = BytesIO()
    if kind == "PNG":
        picture.save(written, "PNG")
    else:
        # Every pixel keeps its colour: small print on coloured ground is what documents consist of.
        picture.save(written, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    if written.tell() > MOST_REWRITTEN:
        raise Refused("too_large_rewritten")
    target.write(written.getbuffer())
    width, height = picture.size
    return {"pages": 1, "width": width, "height": height, "picture_hash": picture_hash(picture)}


def check_size(width: int, height: int) -> None:
    """Raises `Refused` for more pixels than are taken."""
    if width < 1 or height < 1:
        raise Refused("broken")
    if width > LONGEST_SIDE or height > LONGEST_SIDE or width * height > MOST_PIXELS:
        raise Refused("too_many_pixels")


def picture_hash(picture: Image.Image) -> int | None:
    """64 bits that say for 8 rows of 8 fields whether the next field is lighter ("dHash"), as a signed number.

    They hardly change when a picture is scaled, compressed or brightened. None where there is nothing to recognise.
    """
    fields = picture.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    if max(fields) - min(fields) < _LEAST_CONTRAST:
        return None
    bits = 0
    for row in range(8):
        for place in range(row * 9, row * 9 + 8):
            bits = bits << 1 | (fields[place] < fields[place + 1])
    return bits - (1 << 64) if bits >> 63 else bits


def _plain(picture: Image.Image) -> Image.Image:
    """The pixels alone, in grey or in colours, transparent ones on white."""
    if picture.mode in {"1", "L"}:
        plain = picture.convert("L")
    elif picture.mode.startswith("I") or picture.mode == "F":
        # 16 bits a pixel, of which a screen shows 8.
        plain = picture.point(lambda value: value / 256).convert("L")
    elif picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        plain = Image.new("RGB", seen.size, "white")
        plain.paste(seen, mask=seen.getchannel("A"))
    else:
        plain = picture.convert("RGB")
    # Whatever stood beside the pixels would be written with them.
    plain.info.clear()
    return plain

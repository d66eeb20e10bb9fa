"""Files that people upload: good ones, and those that somebody made to do harm. All of what is in them is invented."""

import io
import struct
import zlib
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream, String
from PIL import Image, ImageDraw

WHERE = "Taken at 52.09 N, 5.12 E"


def picture(width: int = 900, height: int = 600, seed: int = 1) -> Image.Image:
    """Something to recognise, another one for each seed."""
    drawn = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(drawn)
    for n in range(1, 30):
        x, y = (seed * 7919 * n) % width, (seed * 104729 * n) % height
        pen.rectangle((x, y, x + width // 6, y + height // 6), fill=(n * 37 % 256, n * 91 % 256, n * 53 % 256))
    return drawn


def jpeg(seed: int = 1, *, quality: int = 85, **how: Any) -> bytes:
    """A picture as JPEG; `how` as Pillow takes it."""
    written = io.BytesIO()
    picture(seed=seed).save(written, "JPEG", quality=quality, **how)
    return written.getvalue()


def png(seed: int = 1, mode: str = "RGB") -> bytes:
    """A picture as PNG."""
    written = io.BytesIO()
    picture(seed=seed).convert(mode).save(written, "PNG")
    return written.getvalue()


def photograph() -> bytes:
    """A JPEG as a phone makes it: held sideways, with the place where it was taken."""
    noted = Image.Exif()
    noted[0x0112] = 6
    noted[0x010E] = WHERE
    return jpeg(exif=noted, comment=WHERE.encode())


def pdf(pages: int = 1, seed: int = 1, **root: Any) -> bytes:
    """A document with a picture on its pages; `root` goes into its catalogue."""
    return written(document(pages, seed, **root))


def document(pages: int = 1, seed: int = 1, **root: Any) -> pikepdf.Pdf:
    """The same, still open."""
    made = pikepdf.new()
    small = picture(300, 200, seed)
    image = Stream(made, small.tobytes())
    for key, value in (("Width", 300), ("Height", 200), ("BitsPerComponent", 8)):
        image[f"/{key}"] = value
    image.Type, image.Subtype, image.ColorSpace = Name.XObject, Name.Image, Name.DeviceRGB
    image = made.make_indirect(image)
    for _ in range(pages):
        page = made.add_blank_page(page_size=(595, 842))
        page.Resources = Dictionary(XObject=Dictionary(Im=image))
        page.Contents = Stream(made, b"q 500 0 0 400 40 300 cm /Im Do Q")
    for key, value in root.items():
        made.Root[f"/{key}"] = made.make_indirect(value) if isinstance(value, Dictionary) else value
    return made


def written(made: pikepdf.Pdf, **how: Any) -> bytes:
    """The bytes of an open document."""
    file = io.BytesIO()
    made.save(file, **how)
    return file.getvalue()


def png_bomb(side: int) -> bytes:
    """A PNG of side x side black pixels in a few kilobytes."""
    packed = zlib.compressobj(9)
    rows = b"\0" * (1 + side // 8)
    body = b"".join(packed.compress(rows) for _ in range(side)) + packed.flush()
    return _png(struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0), (b"IDAT", body))


def png_with_text_bomb() -> bytes:
    """A PNG whose note unfolds to 200 MB."""
    note = b"note\0\0" + zlib.compress(bytes(200_000_000), 9)
    row = zlib.compress(b"\0\0")
    return _png(struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0), (b"zTXt", note), (b"IDAT", row))


def _png(header: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    written = b"\x89PNG\r\n\x1a\n"
    for name, body in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        written += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return written


def pdf_bomb() -> bytes:
    """A PDF with a picture of a million times a million pixels."""
    made = document()
    made.pages[0].Resources.XObject.Im.Width = 1_000_000
    made.pages[0].Resources.XObject.Im.Height = 1_000_000
    return written(made)


def pdf_of_nested_arrays(depth: int = 400) -> bytes:
    """A PDF with lists in lists."""
    made = document()
    nested = Array([])
    for _ in range(depth):
        nested = Array([nested])
    made.Root.Deep = nested
    return written(made)


def pdf_with_form() -> bytes:
    """A PDF with a form that is filled in, as tax forms are."""
    made = document()
    field = made.make_indirect(
        Dictionary(
            Type=Name.Annot,
            Subtype=Name.Widget,
            FT=Name.Tx,
            T=String("name"),
            V=String("Mira Example"),
            DA=String("/Helv 12 Tf 0 g"),
            Rect=Array([50, 50, 300, 80]),
            F=4,
        )
    )
    made.pages[0].Annots = Array([field])
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    made.Root.AcroForm = Dictionary(
        Fields=Array([field]), DA=String("/Helv 12 Tf 0 g"), DR=Dictionary(Font=Dictionary(Helv=font))
    )
    return written(made)


def action(kind: str, **more: Any) -> Dictionary:
    """An action of that kind."""
    return Dictionary(Type=Name.Action, S=Name(f"/{kind}"), **more)


def with_link(to: Dictionary) -> bytes:
    """A PDF with a link that does something."""
    made = document()
    made.pages[0].Annots = Array(
        [made.make_indirect(Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=to))]
    )
    return written(made)


def with_attachment() -> bytes:
    """A PDF with a file inside."""
    made = document()
    made.attachments["run.exe"] = b"MZ"
    return written(made)


def png_of(width: int, height: int) -> bytes:
    """A grey PNG of any measure."""
    written = io.BytesIO()
    Image.new("L", (width, height)).save(written, "PNG")
    return written.getvalue()


def pdf_with_text(*lines: str) -> bytes:
    """A PDF that carries text, as a scanner leaves it that recognises letters."""
    made = document()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Courier)
    made.pages[0].Resources.Font = Dictionary(F1=font)
    shown = "".join(f"({line}) Tj 0 -14 Td " for line in lines)
    made.pages[0].Contents = Stream(made, f"BT /F1 10 Tf 40 200 Td {shown}ET".encode())
    return written(made)

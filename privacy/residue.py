"""Hides a patient where no viewer shows it, and looks for it on the copies.

Each kind has a function that makes a file and one that reports whether the copy still holds the
patient.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageDraw

import fonts

# Rows under the visible edge, filled by the last blocks.
HIDDEN = 7
# A copy with less than this share of the source's contrast between ink and ground shows nothing.
LEAST = 0.25
SOF = (0xC0, 0xC1, 0xC2)


def _segments(jpeg: bytes) -> list[tuple[int, int, int]]:
    """Returns marker, start and end of the segments before the pixels."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        length = struct.unpack(">H", jpeg[at + 2 : at + 4])[0]
        found.append((jpeg[at + 1], at, at + 2 + length))
        at += 2 + length
    return found


def _with_height(jpeg: bytes, height: int) -> bytes:
    """Changes the height in the frame header; the pixels stay."""
    start = next(start for marker, start, _ in _segments(jpeg) if marker in SOF)
    return jpeg[: start + 5] + struct.pack(">H", height) + jpeg[start + 7 :]


def _hidden_ink(patient, width: int) -> np.ndarray:
    """Returns the ink of a line of seven pixels."""
    image = Image.new("L", (width, HIDDEN))
    ImageDraw.Draw(image).text(
        (20, -1), f"{patient.name} {patient.id}", font=fonts.load("", 8), fill=255
    )
    return np.asarray(image) >= 128


def hidden_rows(rng, gray: np.ndarray, patient) -> tuple[bytes, str]:
    """Makes a JPEG with a name in the rows under its visible edge."""
    height, width = gray.shape[0] // 8 * 8, gray.shape[1]
    pixels = np.rint(gray[:height]).astype(np.uint8)
    ink = _hidden_ink(patient, width)
    pixels[-HIDDEN:] = np.where(ink, 255, 0)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=92)
    return _with_height(out.getvalue(), height - HIDDEN), ".jpeg"


def holds_hidden_rows(copy: bytes, patient) -> bool:
    """Raises the height of the copy and looks for the contrast of the letters."""
    with Image.open(io.BytesIO(copy)) as image:
        width, height = image.size
    with Image.open(io.BytesIO(_with_height(copy, height + HIDDEN))) as image:
        rows = np.asarray(image.convert("L"), np.float32)[-HIDDEN - 1 :]
    # The visible edge has a contrast of its own, which shows no patient.
    hidden = rows[1:] - rows[0]
    ink = _hidden_ink(patient, width)
    return abs(float(hidden[ink].mean() - hidden[~ink].mean())) >= LEAST * 255


def unused_tables(rng, gray: np.ndarray, patient) -> tuple[bytes, str]:
    """Makes a JPEG with a name in an unused quantization table and in the density of JFIF."""
    out = io.BytesIO()
    Image.fromarray(np.rint(gray).astype(np.uint8)).save(out, "JPEG", quality=90)
    data = out.getvalue()
    name = patient.family.encode()[:64]
    table = b"\xff\xdb" + struct.pack(">HB", 67, 3) + name.ljust(64, b"\x01")
    return data[:14] + name[:4].ljust(4) + data[18:20] + table + data[20:], ".jpeg"


def after_the_end(rng, gray: np.ndarray, patient) -> tuple[bytes, str]:
    """Makes a JPEG with a name in a comment and after its end."""
    out = io.BytesIO()
    Image.fromarray(np.rint(gray).astype(np.uint8)).save(
        out, "JPEG", quality=90, comment=patient.name
    )
    return out.getvalue() + patient.name.encode(), ".jpeg"


def low_bytes(rng, gray: np.ndarray, patient) -> tuple[bytes, str]:
    """Makes a PNG of 16 bit with a name in the low bytes of its samples."""
    height, width = gray.shape
    pixels = np.rint(gray).astype(np.uint16) << 8
    name = patient.name.encode() + b"\0"
    low = np.frombuffer((name * (width // len(name) + 1))[:width], np.uint8)
    rows = (pixels | low).astype(">u2")
    raw = b"".join(b"\0" + row.tobytes() for row in rows)

    def chunk(kind: bytes, payload: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + payload))
        return struct.pack(">I", len(payload)) + kind + payload + checksum

    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks, ".png"


def holds_name(copy: bytes, patient) -> bool:
    """Searches the bytes of the copy, and the bytes of its samples in the order of the file."""
    # Shorter ones are found by chance among a million samples.
    parts = [p.encode() for p in (patient.family, patient.given, patient.name)]
    parts = [part for part in parts if len(part) >= 5]
    with Image.open(io.BytesIO(copy)) as image:
        samples = np.asarray(image)
    planes = [samples.tobytes(), (samples & 255).astype(np.uint8).tobytes()]
    return any(part[:8] in data for part in parts for data in [copy, *planes])


def holds_table(copy: bytes, patient) -> bool:
    """Searches the copy for the name as the density and the table held it, filled up."""
    name = patient.family.encode()
    held = (name[:4].ljust(4), name[:8].ljust(8, b"\x01"))
    return any(part in copy[:600] for part in held) or holds_name(copy, patient)


KINDS = {
    "rows under a JPEG's edge": (hidden_rows, holds_hidden_rows),
    "unused tables and the JFIF header": (unused_tables, holds_table),
    "comment, and bytes after the end": (after_the_end, holds_name),
    "low bytes of 16 bit": (low_bytes, holds_name),
}

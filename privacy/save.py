"""Writes a picture as equipment would: JPEG of some quality or PNG, with the patient in the metadata of a share of them."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

IMAGE_DESCRIPTION, ARTIST, USER_COMMENT, EXIF_IFD = 0x010E, 0x013B, 0x9286, 0x8769


def picture(folder: Path, grey: np.ndarray, patient, rng) -> dict:
    """Saves under a name that holds the patient, as the pipeline understands it; returns how it was saved."""
    image = Image.fromarray(grey)
    png, colour, metadata = rng.random() < 0.08, rng.random() < 0.15, rng.random() < 0.3
    quality, sampling, progressive = int(rng.integers(50, 96)), int(rng.integers(3)), bool(rng.random() < 0.12)
    if colour:
        image = image.convert("RGB")
    stem = f"demo_{patient.name}_{patient.id}_{patient.birth}_{patient.exam}"
    path = folder / (stem + (".png" if png else ".jpeg"))
    # Two invented patients may have one name, id and dates; the later picture then stands in a folder of its own.
    if path.exists():
        path = folder / "again" / path.name
        path.parent.mkdir(exist_ok=True)
    told = f"{patient.family}^{patient.given} {patient.id} {patient.birth}"
    if png:
        info = PngImagePlugin.PngInfo()
        if metadata:
            info.add_itxt("Description", told)
        image.save(path, pnginfo=info, compress_level=3)
    else:
        out = io.BytesIO()
        extra = {"subsampling": sampling} if colour else {}
        image.save(out, "JPEG", quality=quality, progressive=progressive, **extra)
        data = out.getvalue()
        path.write_bytes(_with_metadata(data, image, told) if metadata else data)
    return {"file": str(path.relative_to(folder)), "format": "png" if png else "jpeg", "quality": None if png else quality,
            "colour": colour, "progressive": progressive and not png, "metadata": metadata}


def _with_metadata(jpeg: bytes, image: Image.Image, told: str) -> bytes:
    """Puts EXIF, a comment and a thumbnail that shows the whole picture behind the start of the file."""
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = exif[ARTIST] = told
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + told.encode("utf-16-be")
    small = io.BytesIO()
    image.resize((160, max(1, 160 * image.height // image.width))).save(small, "JPEG", quality=70)
    segments = [
        (0xE1, exif.tobytes()),
        # A JFIF extension holds a thumbnail; its length is limited by that of a segment.
        (0xE0, b"JFXX\0\x10" + small.getvalue()[:60_000]),
        (0xED, b"Photoshop 3.0\0" + told.encode()),
        (0xFE, told.encode()),
    ]
    return jpeg[:2] + b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(d) + 2) + d for m, d in segments) + jpeg[2:]

"""Saves pictures as equipment does: JPEG or PNG, some with the patient in the metadata."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

IMAGE_DESCRIPTION, ARTIST, USER_COMMENT, EXIF_IFD = 0x010E, 0x013B, 0x9286, 0x8769


def picture(folder: Path, gray: np.ndarray, patient, rng) -> dict:
    """Saves a picture and returns its properties.

    The file name contains the patient in the pipeline's format.
    """
    image = Image.fromarray(gray)
    png, color, metadata = rng.random() < 0.08, rng.random() < 0.15, rng.random() < 0.3
    quality, sampling, progressive = (
        int(rng.integers(50, 96)),
        int(rng.integers(3)),
        bool(rng.random() < 0.12),
    )
    if color:
        image = image.convert("RGB")
    stem = f"demo_{patient.name}_{patient.id}_{patient.birth}_{patient.exam}"
    path = folder / (stem + (".png" if png else ".jpeg"))
    # Two invented patients may have the same name, id and dates. The later picture then goes to
    # another folder.
    if path.exists():
        path = folder / "again" / path.name
        path.parent.mkdir(exist_ok=True)
    identity = f"{patient.family}^{patient.given} {patient.id} {patient.birth}"
    if png:
        info = PngImagePlugin.PngInfo()
        if metadata:
            info.add_itxt("Description", identity)
        image.save(path, pnginfo=info, compress_level=3)
    else:
        out = io.BytesIO()
        extra = {"subsampling": sampling} if color else {}
        image.save(out, "JPEG", quality=quality, progressive=progressive, **extra)
        data = out.getvalue()
        path.write_bytes(_with_metadata(data, image, identity) if metadata else data)
    return {
        "file": str(path.relative_to(folder)),
        "format": "png" if png else "jpeg",
        "quality": None if png else quality,
        "color": color,
        "progressive": progressive and not png,
        "metadata": metadata,
    }


def _with_metadata(jpeg: bytes, image: Image.Image, identity: str) -> bytes:
    """Inserts EXIF, a comment and a thumbnail of the whole picture after the start of the file."""
    exif = Image.Exif()
    exif[IMAGE_DESCRIPTION] = exif[ARTIST] = identity
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + identity.encode("utf-16-be")
    small = io.BytesIO()
    image.resize((160, max(1, 160 * image.height // image.width))).save(small, "JPEG", quality=70)
    segments = [
        (0xE1, exif.tobytes()),
        # A JFIF extension contains a thumbnail, whose length is limited by that of a segment.
        (0xE0, b"JFXX\0\x10" + small.getvalue()[:60_000]),
        (0xED, b"Photoshop 3.0\0" + identity.encode()),
        (0xFE, identity.encode()),
    ]
    return (
        jpeg[:2]
        + b"".join(b"\xff" + bytes([m]) + struct.pack(">H", len(d) + 2) + d for m, d in segments)
        + jpeg[2:]
    )

"""Searches names, texts and files for identifiers of invented patients."""

import re
import struct
from urllib.parse import unquote

import needles

# Study ids and digests contain runs of four characters by chance.
CHANCE = re.compile(r"\b[0-9a-fA-F]{16,}\b|(?<![A-Za-z])[bcdfghjklmnpqrst]{8,}(?![A-Za-z])")
# Segments that a JPEG may need for display: JFIF without a thumbnail, and Adobe's color
# transform.
JFIF, ADOBE = 0xE0, 0xEE
PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"iCCP")
MIN_BYTES = 6


def in_name(name: str, patient: dict) -> set[str]:
    """Returns the kinds of identifiers in the name of a copy; any four characters count."""
    return needles.Needles(patient, []).found(CHANCE.sub(" ", name))


def in_text(text: str, patients: list[dict]) -> list[str]:
    """Returns the identifiers in a text.

    These are whole parts of a name from three letters, ids and birth dates. Program output
    contains four letters of a name by chance (`there`, `quarantined`), so only whole parts
    count. Percent escapes are decoded first.
    """
    plain = text + "\n" + unquote(text)
    words = set(re.split(r"[\W_]+", needles.fold(plain)))
    return [
        f"{kind} of patient {i}"
        for i, p in enumerate(patients)
        for kind in sorted(_kinds(plain, words, p))
    ]


def _kinds(text: str, words: set[str], patient: dict) -> set[str]:
    def contains(string: str) -> bool:
        return bool(re.search(rf"(?<![0-9A-Za-z]){re.escape(string)}(?![0-9A-Za-z])", text))

    kinds = {
        "name": any(len(part) >= 3 and needles.fold(part) in words for part in patient["parts"])
    }
    kinds["id"] = len(patient["id"]) > 4 and contains(patient["id"])
    kinds["birth"] = any(map(contains, needles.birth_forms(patient["birth"])[: needles.FORMS]))
    return {kind for kind, found in kinds.items() if found}


def in_file(data: bytes, patient: dict) -> list[str]:
    """Returns identifiers in a file, in any encoding, and segments that can contain them."""
    found = []
    strings = [
        p
        for p in patient["parts"] + [patient["name"], patient["id"]]
        if len(p.encode()) >= MIN_BYTES
    ]
    for string in strings + needles.birth_forms(patient["birth"])[: needles.FORMS]:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "latin-1"):
            encoded = string.encode(encoding, "ignore")
            if len(encoded) >= MIN_BYTES and encoded in data:
                found.append(f"a string of the patient in {encoding}")
    return found + (_png(data) if data[:4] == b"\x89PNG" else _jpeg(data))


def _jpeg(data: bytes) -> list[str]:
    found, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xDA:
        marker, length = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        body = data[at + 4 : at + 2 + length]
        plain = (
            marker == ADOBE
            and body[:5] == b"Adobe"
            or marker == JFIF
            and body[:5] == b"JFIF\0"
            and len(body) == 14
        )
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not plain:
            found.append(f"segment {marker:02X} of {length} bytes")
        at += 2 + length
    end = data.rfind(b"\xff\xd9")
    if data[:2] != b"\xff\xd8" or end < 0 or len(data) - end > 2:
        found.append("bytes after the end of the picture")
    return found


def _png(data: bytes) -> list[str]:
    found, at = [], 8
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        if kind in PNG_TEXTS:
            found.append(f"chunk {kind.decode()}")
        at += 12 + length
        if kind == b"IEND" and at < len(data):
            found.append("bytes after the end of the picture")
    return found

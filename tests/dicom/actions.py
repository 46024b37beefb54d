#!/usr/bin/env python3
"""Checks every action of table E.1-1 in sequences of every depth.

    tests/dicom/actions.py FOLDER            writes depth-0.source to depth-4.source
    tests/dicom/actions.py --check FOLDER    checks depth-0.copy to depth-4.copy

Each source has all attributes of the table at one depth, with values that occur nowhere else. The
check shares no code with the function. It takes each source for its own copy first, and fails if
that is not wrong about every attribute whose action can be seen.
"""

import json
import pathlib
import sys

import highdicom
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRLittleEndian

from check import TABLE
from reference import DX, object_of, save, window

DEPTHS = range(5)
# Sequences without an action of their own, each in an item of the one before.
CHAIN = ["ViewCodeSequence", "ViewModifierCodeSequence", "AnatomicRegionSequence", "AnatomicRegionModifierSequence"]
# The rows of the table that name no single attribute: private ones, curves and overlays.
GROUPS = {0x00090010: "LO", 0x00091001: "LO", 0x50003000: "OW", 0x50001001: "OB", 0x60003000: "OW", 0x60004000: "LT"}
# Put by the de-identification itself: the pseudonym, where an empty value would do, too.
OWN = {0x00100010, 0x00100020}
# Neither in a data set: of messages, of directories, and of the file's meta information.
ELSEWHERE = {tag for tag in TABLE if tag >> 16 in (0, 2, 4)}
ROWS = {**{tag: action for tag, action in TABLE.items() if tag not in ELSEWHERE}, **dict.fromkeys(GROUPS, "X")}
WORDS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}


def types():
    """Returns the strictest type of each attribute at the top of a DX object."""
    standard = pathlib.Path(highdicom.__file__).parent / "_standard"
    modules = json.loads((standard / "module_attribute_map.json").read_text())
    objects = json.loads((standard / "iod_module_map.json").read_text())
    found = {}
    for module in objects["digital-x-ray-image"]:
        for attribute in modules[module["key"]]:
            if not attribute["path"]:
                found.setdefault(attribute["keyword"], set()).add(attribute["type"][0])
    return {keyword: min(kinds) for keyword, kinds in found.items()}


TYPES = types()


def vr_of(tag):
    if tag in GROUPS:
        return GROUPS[tag]
    # Attributes that are newer than pydicom are long strings in these objects.
    return DicomDictionary[tag][0].split(" or ")[0] if tag in DicomDictionary else "LO"


def word(number, depth):
    return f"Q{number:04}W{depth}"


def value_of(vr, number, depth):
    """Returns a value that nothing else has, but for those of few possible ones."""
    text = word(number, depth)
    if vr in WORDS:
        return text
    if vr == "SQ":
        item = Dataset()
        item.PatientComments, item.CodeMeaning = text, text
        # One that refers to another instance is taken for what it is.
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = DX, f"1.2.3.{number}.{depth}"
        return Sequence([item])
    return {
        "UI": f"1.2.3.{number}.{depth}",
        "DA": f"{1900 + number % 90}{1 + depth:02}{1 + number % 28:02}",
        "TM": f"1{depth}{number % 60:02}{number // 60 % 60:02}",
        "DT": f"{1900 + number % 90}{1 + depth:02}{1 + number % 28:02}1{depth}{number % 60:02}",
        "AS": f"{number % 40 + 14:03}M",
        "DS": f"7{number:05}{depth}",
        "IS": f"7{number:05}{depth}",
        "US": 7000 + number,
        "UN": text.encode() + b"  ",
        "OB": text.encode() + b"  ",
        "OW": text.encode() + b"  ",
    }[vr]


def sources():
    for depth in DEPTHS:
        data = window(object_of(DX, 12), 2048, 3000)
        holder = data
        for keyword in CHAIN[:depth]:
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator = f"V{depth}", "SCT"
            setattr(holder, keyword, Sequence([item]))
            holder = item
        for number, tag in enumerate(sorted(ROWS)):
            vr = vr_of(tag)
            holder[tag] = DataElement(tag, vr, value_of(vr, number, depth))
        yield depth, data


def holder_of(data, depth):
    """Returns the data set at a depth, or nothing if a copy has lost it."""
    for keyword in CHAIN[:depth]:
        items = data.get(keyword)
        if not items or items[0].get("CodingSchemeDesignator") != "SCT":
            return None
        data = items[0]
    return data


def faults(action, tag, old, new, depth):
    """Yields what is wrong about a copy's attribute."""
    kind = TYPES.get(keyword_for_tag(tag), "3") if depth == 0 else "3"
    steps = action.replace("_STAR", "").split("_")
    if new is None:
        # Of a type that may be missing, an attribute may go where the table keeps it in some form.
        if kind in "12" and "X" not in steps:
            yield "is missing"
        elif kind in "12" and steps != ["X"]:
            yield f"is of type {kind} and missing"
        return
    if steps == ["X"]:
        yield "is there"
        return
    is_empty = new.value in (None, "", b"", []) or new.VR == "SQ" and not new.value
    if is_empty:
        if kind == "1":
            yield "is of type 1 and empty"
        elif steps in (["D"], ["U"]):
            yield "is empty"
        return
    if steps == ["Z"] and tag not in OWN and new.VR != "SQ" and new.value == old.value:
        yield "is not replaced"
    if "U" in steps and new.VR == "UI":
        if new.value == old.value or not UID(new.value).is_valid:
            yield "is not another UID"
    elif new.VR != "SQ" and new.value == old.value:
        yield "is the source's"


def check(name, source, copy, raw, depth):
    """Returns the attributes at which a copy is wrong, with the reasons."""
    old, new = holder_of(source, depth), holder_of(copy, depth)
    if new is None:
        return {0: "the sequences are gone"}
    wrong = {}
    for number, (tag, action) in enumerate(sorted(ROWS.items())):
        found = list(faults(action, tag, old[tag], new.get(Tag(tag)), depth))
        # A UID is replaced wherever it is, texts are nowhere.
        if vr_of(tag) in WORDS | {"SQ", "UN", "OB", "OW"} and word(number, depth).encode() in raw:
            found.append("has a value that is left somewhere")
        if vr_of(tag) in ("UI", "SQ") and f"1.2.3.{number}.{depth}".encode() in raw:
            found.append("has a UID that is left somewhere")
        if found:
            wrong[tag] = "; ".join(found)
    return wrong


def without_pixels(raw):
    return raw[: raw.rfind(b"\xe0\x7f\x10\x00")]


def main():
    folder = pathlib.Path(sys.argv[-1])
    if sys.argv[1] != "--check":
        for depth, data in sources():
            save(data, folder / f"depth-{depth}.source", ExplicitVRLittleEndian)
        return
    problems, checked = [], 0
    for depth in DEPTHS:
        paths = [folder / f"depth-{depth}.{kind}" for kind in ["source", "copy"]]
        (source, copy), raws = map(dcmread, paths), [without_pixels(p.read_bytes()) for p in paths]
        blind = set(ROWS) - set(check("source", source, source, raws[0], depth))
        if blind:
            problems.append(f"depth {depth}: the check sees nothing of {[str(Tag(t)) for t in sorted(blind)]}")
        for tag, text in check("copy", source, copy, raws[1], depth).items():
            problems.append(f"depth {depth}: {Tag(tag)} {TABLE.get(tag, 'X')} {text}")
        if depth == 0 and copy.file_meta.MediaStorageSOPInstanceUID != copy.SOPInstanceUID:
            problems.append("(0002,0003) is of another instance")
        checked += len(ROWS)
    if problems:
        sys.exit("\n".join(problems))
    print(f"{checked} of {checked} actions: {len(ROWS)} attributes at {len(DEPTHS)} depths")


if __name__ == "__main__":
    main()

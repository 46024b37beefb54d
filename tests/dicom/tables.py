#!/usr/bin/env python3
"""Makes the tables of src/dicom/ from published data of the standard.

    pip install pydicom==3.0.2 dicom-anonymizer==2.1.0 highdicom==0.28.2
    pip install --no-deps idiscore==1.2.0
    tests/dicom/tables.py

`dictionary.txt` holds the attributes in the modules of CR, DX and Secondary Capture with their
value representations. `profile.txt` holds table E.1-1 of PS3.15, and what the Basic Profile does
with each attribute in these objects, in this order: where the table leaves a choice, the
attribute's type in the object's modules decides. Lines with `+` are not the table's: they are the
modules' other texts and bytes, but for those in `KEPT`. The last column has a letter for each
option of the profile that treats the attribute otherwise: it keeps UIDs (`U`), devices (`V`) and
characteristics of patients (`P`), it keeps or shifts times (`T`), and it cleans descriptors (`D`).
"""

import importlib.metadata
import importlib.util
import json
import pathlib
import re
import sys

import dicomanonymizer
import highdicom
from pydicom.datadict import DicomDictionary, keyword_for_tag

HERE = pathlib.Path(__file__).resolve().parents[2] / "src" / "dicom"
MIXED = {"US or SS": "US", "OB or OW": "OW", "US or SS or OW": "OW", "US or OW": "OW"}
OBJECTS = ["computed-radiography-image", "digital-x-ray-image", "secondary-capture-image"]
# Read from objects, though they belong to the modules of others.
READ = ["NumberOfFrames", "PresentationLUTSequence"]
TEXTS = {"AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"}
BYTES = {"OB", "OB or OW", "OW"}
# Codes, and terms of makers and of the transformations of pixels.
KEPT = """
    CodeValue LongCodeValue URNCodeValue CodingSchemeDesignator CodingSchemeVersion CodeMeaning
    Manufacturer ManufacturerModelName SoftwareVersions SecondaryCaptureDeviceManufacturer
    SecondaryCaptureDeviceManufacturerModelName SecondaryCaptureDeviceSoftwareVersions
    DetectorManufacturerName DetectorManufacturerModelName DetectorMode FilterType PlateType
    PhosphorType GridAbsorbingMaterial GridSpacingMaterial AcquisitionDeviceProcessingCode
    ContrastBolusRoute RescaleType ModalityLUTType LUTData PixelData
""".split()
# Options, the actions in their columns, and their letters.
OPTIONS = {
    "retain_uid": ("KEEP", "U"),
    "retain_device_id": ("KEEP", "V"),
    "retain_patient_characteristics": ("KEEP", "P"),
    "retain_full_dates": ("KEEP", "T"),
    "clean_descriptors": ("CLEAN", "D"),
}
# Attributes as they were, encrypted.
HIDDEN = {"EncryptedAttributesSequence"}


def dictionary():
    # Objects may have more of the patient's characteristics than their modules.
    characteristics = {keyword_for_tag(tag) for tag, of in options().items() if "P" in of}
    known = set(READ).union(characteristics, *types())
    for tag, entry in sorted(DicomDictionary.items()):
        if entry[4] not in known:
            continue
        vr = MIXED.get(entry[0], entry[0])
        if len(vr) == 2:
            yield f"{tag:08X}{vr}\n"


def actions():
    """Yields the table as (tag, action), in which letters stand in the order of the table."""
    folder = pathlib.Path(dicomanonymizer.__file__).parent / "dicom_anonymization_databases"
    spec = importlib.util.spec_from_file_location("fields", folder / "dicomfields_2026c.py")
    fields = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fields)
    for name in ["X", "Z", "D", "U", "X_Z", "X_D", "Z_D", "X_Z_D", "X_Z_U_STAR"]:
        for tag in getattr(fields, f"{name}_TAGS"):
            if len(tag) == 2:
                yield (tag[0] << 16) + tag[1], name.replace("_STAR", "").replace("_", "")


def options():
    """Returns the letters of the options by tag.

    The module can't be imported without further packages, so its text is read."""
    path = importlib.metadata.distribution("idiscore").locate_file("idiscore/_public_dicom.py")
    sets = re.findall(r"^(\w+) = RawNemaRuleSet\((.*?)^\)", path.read_text(), re.DOTALL | re.MULTILINE)
    found = {}
    for name, rules in sets:
        wanted, letter = OPTIONS.get(name, (None, None))
        for tag, action in re.findall(r'SingleTag\("(\w{8})"\),\s*ActionCodes\.(\w+)', rules):
            if action == wanted:
                found.setdefault(int(tag, 16), set()).add(letter)
    return found


def types():
    """Returns the strictest type of each attribute in each object."""
    standard = pathlib.Path(highdicom.__file__).parent / "_standard"
    modules = json.loads((standard / "module_attribute_map.json").read_text())
    objects = json.loads((standard / "iod_module_map.json").read_text())
    found = []
    for name in OBJECTS:
        strictest = {}
        for module in objects[name]:
            for attribute in modules[module["key"]]:
                strictest.setdefault(attribute["keyword"], set()).add(attribute["type"])
        found.append(strictest)
    return found


def resolve(action, kinds):
    if len(action) == 1:
        return action
    needed = 1 if kinds & {"1", "1C"} else 2 if kinds & {"2", "2C"} else 3
    if needed == 1:
        return "U" if "U" in action else "D" if "D" in action else "Z"
    if needed == 2:
        return "Z" if "Z" in action else "D"
    return action[0]


def profile():
    strictest, listed = types(), options()
    known = set().union(*strictest) - set(KEPT)
    table = {tag: (action, action) for tag, action in actions()}
    for tag, entry in DicomDictionary.items():
        if tag in table or entry[4] not in known:
            continue
        if entry[0] in TEXTS:
            table[tag] = "+", "XZD"
        elif entry[0] in BYTES or entry[4] in HIDDEN:
            table[tag] = "+", "X"
    for tag, (shown, action) in sorted(table.items()):
        kinds = [of.get(keyword_for_tag(tag), set()) for of in strictest]
        each = "".join(resolve(action, kind) for kind in kinds)
        # Lines have one length.
        letters = "".join(letter if letter in listed.get(tag, ()) else "-" for letter in "UVPTD")
        yield f"{tag:08X} {shown:<3} {each} {letters}\n"


def main():
    check = "--check" in sys.argv[1:]
    stale = []
    for path, lines in [
        (HERE / "dictionary.txt", dictionary()),
        (HERE / "deidentify" / "profile.txt", profile()),
    ]:
        text = "".join(lines)
        if check and path.read_text() != text:
            stale.append(path.name)
        elif not check:
            path.write_text(text)
    if stale:
        sys.exit(f"not as the published tables: {', '.join(stale)}; run tests/dicom/tables.py")


if __name__ == "__main__":
    main()

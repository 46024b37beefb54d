#!/usr/bin/env python3
"""Checks copies and results by programs that share no code with the function.

    tests/dicom/check.py FOLDER

FOLDER holds NAME.source, NAME.copy, NAME.options (the copy with retained characteristics, devices
and safe private attributes, and with shifted dates), NAME.processed, NAME.report, NAME.state and
NAME.boxes (one cover a line).
"""

import ast
import datetime
import importlib.metadata
import importlib.util
import pathlib
import re
import subprocess
import sys

import dicomanonymizer
import highdicom
import numpy as np
from pydicom import dcmread
from pydicom.datadict import DicomDictionary
from pydicom.uid import UID

from reference import shown as reference_shown

LOSSY = {"50", "51", "81", "91"}
# Syntaxes of copies that are not the source's.
CHANGED = {"51": "1.2.840.10008.1.2.1", "91": "1.2.840.10008.1.2.4.90"}
TIME = b"1011"
SECRETS = [b"Quizzenb", b"J\xe4nner", b"4711", b"20200304", b"20170102", TIME, b"Quack", b"Hospital"]
VALIDATOR = pathlib.Path(sys.executable).parent / "dciodvfy"
VOI = ["WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"]
MODALITY = ["RescaleIntercept", "RescaleSlope", "RescaleType", "ModalityLUTSequence"]
problems = []


def table():
    """Returns the lists of table E.1-1 by their actions."""
    folder = pathlib.Path(dicomanonymizer.__file__).parent / "dicom_anonymization_databases"
    spec = importlib.util.spec_from_file_location("fields", folder / "dicomfields_2026c.py")
    fields = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fields)
    lists = {}
    for name in dir(fields):
        if name.endswith("_TAGS") and name != "ALL_TAGS":
            for tag in getattr(fields, name):
                if len(tag) == 2:
                    lists[(tag[0] << 16) + tag[1]] = name[: -len("_TAGS")]
    return lists


def kept():
    """Returns the tags that the options keep, and those of dates."""
    path = importlib.metadata.distribution("idiscore").locate_file("idiscore/_public_dicom.py")
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            rules = next(k.value for k in node.value.keywords if k.arg == "rules")
            found[node.targets[0].id] = {
                int(rule.elts[0].args[0].value, 16)
                for rule in rules.elts
                if rule.elts[0].func.id == "SingleTag" and rule.elts[1].attr == "KEEP"
            }
    chosen = found["retain_patient_characteristics"] | found["retain_device_id"]
    return chosen, found["retain_full_dates"]


KEPT, DATED = kept()
TABLE = table()
# Put by the de-identification itself, with values of its own.
OWN = {0x00100010, 0x00100020}


def validity(path):
    """Returns the errors that dciodvfy finds, without values and line numbers."""
    said = subprocess.run([VALIDATOR, str(path)], capture_output=True, text=True, errors="replace")
    lines = (said.stdout + said.stderr).splitlines()
    errors = {re.sub(r"<[^>]*>|= *\S+", "", line) for line in lines if line.startswith("Error")}
    return errors


def walk(data, depth=0):
    for element in data:
        yield element, depth
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item, depth + 1)


def check_options(name, source, copy):
    """Checks what options keep, and that all dates are earlier by one number of days."""
    date = lambda element: datetime.datetime.strptime(element.value, "%Y%m%d")
    days = set()
    for element in source:
        tag, new = int(element.tag), copy.get(element.tag)
        if tag in DATED and element.VR == "DA":
            days.add((date(element) - date(new)).days if new else None)
        elif tag in KEPT and (new is None or new.value != element.value):
            problems.append(f"{name}: {element.tag} is not kept")
    if len(days) != 1 or not 1 <= (days.pop() or 0) <= 365:
        problems.append(f"{name}: dates are not shifted alike")
    if copy.private_block(0x0903, "GEIIS PACS")[0x11].value != 1:
        problems.append(f"{name}: a safe private attribute is not kept")
    codes = {code.CodeValue for code in copy.DeidentificationMethodCodeSequence}
    if not {"113100", "113107", "113108", "113109", "113111"} <= codes:
        problems.append(f"{name}: names {sorted(codes)}")
    if copy.LongitudinalTemporalInformationModified != "MODIFIED":
        problems.append(f"{name}: says nothing of modified dates")


def check_copy(name, source, copy, raw, spared=frozenset()):
    def wrong(text):
        problems.append(f"{name}: {text}")

    # Times of day stay where dates are shifted.
    for secret in SECRETS if not spared else [s for s in SECRETS if s != TIME]:
        # Compressed and raw pixels may hold short texts by chance.
        head = raw[: raw.rfind(b"\xe0\x7f\x10\x00")]
        if secret in head:
            wrong(f"holds {secret!r}")
    if raw[:128] != bytes(128):
        wrong("has a preamble")
    originals = {e.value for e, _ in walk(source) if e.VR == "UI" and isinstance(e.value, UID)}
    for element, _ in walk(copy):
        tag = int(element.tag)
        if tag in spared or spared and tag >> 16 == 0x0903:
            continue
        if element.tag.is_private or tag not in DicomDictionary:
            wrong(f"has {element.tag}")
        action = TABLE.get(tag)
        values = element.value if element.VM > 1 else [element.value]
        if action == "X":
            wrong(f"has {element.tag}, which the profile removes")
        elif action == "Z" and tag not in OWN and element.value not in ("", None, []):
            wrong(f"{element.tag} is not empty")
        elif action and tag not in OWN and tag in source and element.VR != "SQ":
            same = element.value == source[element.tag].value and element.value not in ("", None)
            well_known = str(element.value).startswith("1.2.840.10008.")
            if same and not well_known:
                wrong(f"{element.tag} is unchanged")
        if element.VR == "UI":
            for value in values:
                if value in originals and not value.startswith("1.2.840.10008."):
                    wrong(f"{element.tag} is a UID of the source")
    if copy.file_meta.MediaStorageSOPInstanceUID != copy.SOPInstanceUID:
        wrong("its meta information names another instance")
    expected = CHANGED.get(name[:2], source.file_meta.TransferSyntaxUID)
    if copy.file_meta.TransferSyntaxUID != expected:
        wrong(f"is in {copy.file_meta.TransferSyntaxUID.name}")
    if name[:2] in LOSSY and source.get("LossyImageCompression") != copy.get("LossyImageCompression"):
        wrong("forgets that it was compressed with loss")


def check_samples(name, source, copy, boxes):
    before, after = source.pixel_array, copy.pixel_array
    outside = np.ones(before.shape, bool)
    for x, y, width, height in boxes:
        outside[y : y + height, x : x + width] = False
    if name.startswith("50"):
        # Blocks over the edge lose what lies beyond it.
        outside[before.shape[0] // 8 * 8 :] = outside[:, before.shape[1] // 8 * 8 :] = False
    allowed = 1 if name.startswith(("51", "91")) else 0
    differ = np.abs(before.astype("i4") - after.astype("i4"))[outside]
    if differ.max() > allowed:
        problems.append(f"{name}: samples outside the covers differ by {differ.max()}")
    # The sources are by OpenJPEG, which decodes the copies, too.
    if name.startswith("90") and len(copy.PixelData) > 1.05 * len(source.PixelData):
        problems.append(f"{name}: the copy has more than 5 % more bytes of pixels")
    if len(np.unique(after[~outside])) > 1 and not name.startswith("50"):
        problems.append(f"{name}: the covers are not one value")


def check_report(name, path, source):
    report = highdicom.sr.srread(path)
    group = report.content.get_image_measurement_groups()[0]
    certainty = [m for m in group.get_measurements() if m.name.value == "111012"]
    if len(certainty) != 1 or abs(float(certainty[0].value) - 97.25) > 1e-9:
        problems.append(f"{name}: the risk is not in the report")
    if group.finding_type is None or group.finding_type.value != "233604007":
        problems.append(f"{name}: the finding is not in the report")
    if report.StudyInstanceUID != source.StudyInstanceUID:
        problems.append(f"{name}: the report is in another study")
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0]
    reference = evidence.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    if reference.ReferencedSOPInstanceUID != source.SOPInstanceUID:
        problems.append(f"{name}: the report is about another instance")


def check_state(name, path, source, capture):
    """Draws the source as the presentation state says, and compares that with the capture."""
    state = dcmread(path)
    series = state.ReferencedSeriesSequence[0]
    reference = series.ReferencedImageSequence[0]
    if (series.SeriesInstanceUID, reference.ReferencedSOPInstanceUID) != (
        source.SeriesInstanceUID,
        source.SOPInstanceUID,
    ):
        problems.append(f"{name}: the state is about another instance")
    text = state.GraphicAnnotationSequence[0].TextObjectSequence[0]
    if text.UnformattedTextValue != "Pneumonia, risk=97.25%":
        problems.append(f"{name}: the state says {text.UnformattedTextValue}")
    right, bottom = map(int, text.BoundingBoxBottomRightHandCorner)
    area = state.DisplayedAreaSelectionSequence[0]
    if list(area.DisplayedAreaBottomRightHandCorner) != [source.Columns, source.Rows]:
        problems.append(f"{name}: the state shows another area")
    drawn = dcmread(path.with_suffix(".source"))
    for keyword in VOI + MODALITY:
        if keyword in drawn:
            del drawn[keyword]
    voi = state.SoftcopyVOILUTSequence[0]
    for data, keywords in [(voi, VOI), (state, MODALITY)]:
        for keyword in keywords:
            if keyword in data:
                drawn.add(data[keyword])
    inverse = state.PresentationLUTShape == "INVERSE"
    drawn.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    levels = 255 * reference_shown(drawn, source.pixel_array)
    differ = np.abs(levels - capture.pixel_array)
    differ[:bottom, :right] = 0
    allowed = 1.51 if name.startswith(("50", "51", "91")) else 0.51
    if differ.max() > allowed:
        problems.append(f"{name}: the state and the capture differ by {differ.max()}")
    if not capture.pixel_array[:bottom, :right].max() == 255:
        problems.append(f"{name}: the label of the capture is elsewhere")


def check(folder, name):
    part = lambda extension: folder / f"{name}.{extension}"
    source, copy = dcmread(part("source")), dcmread(part("copy"))
    capture = dcmread(part("processed"))
    boxes = [tuple(map(int, line.split())) for line in part("boxes").read_text().splitlines()]
    check_copy(name, source, copy, part("copy").read_bytes())
    optioned = dcmread(part("options"))
    check_copy(f"{name} with options", source, optioned, part("options").read_bytes(), KEPT | DATED)
    check_options(f"{name} with options", source, optioned)
    check_samples(name, source, copy, boxes)
    check_report(name, part("report"), source)
    check_state(name, part("state"), source, capture)
    if capture.PatientName != source.PatientName or capture.StudyInstanceUID != source.StudyInstanceUID:
        problems.append(f"{name}: the capture is of another patient or study")
    if capture.pixel_array.shape != source.pixel_array.shape:
        problems.append(f"{name}: the capture has another size")
    before = validity(part("source"))
    for made in ["copy", "options", "processed", "report", "state"]:
        is_copy = made in ("copy", "options")
        # dciodvfy takes the compressed bytes of a deflated object for its data set.
        if is_copy and name.startswith("deflated"):
            continue
        new = validity(part(made)) - (before if is_copy else set())
        problems.extend(f"{name}: {made}: {error}" for error in sorted(new))


def main():
    folder = pathlib.Path(sys.argv[1])
    names = sorted(path.stem for path in folder.glob("*.source"))
    for name in names:
        check(folder, name)
    if problems or not names:
        sys.exit("\n".join(problems) or "there is nothing to check")


if __name__ == "__main__":
    main()

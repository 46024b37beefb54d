#!/usr/bin/env python3
"""Objects with a key of expectations as in the MIDI-B challenge.

    xray make-images --dicom -o drawn
    tests/dicom/key.py drawn objects

Writes the drawn X-rays with invented patients, three objects of each, in texts at several depths,
in private attributes and in UIDs, and `key.json` with what is expected of each of them in a copy.
"""

import datetime
import json
import pathlib
import random
import sys

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import generate_uid

LAST = "Quizzenburg Yarrowfield Xanthopolis Wexcombe Vorticella Umbrosian Thistlewood Sorrelby".split()
FIRST = "Xaverine Jarnola Quirinus Zephyrina Wolframine Vespertine Ulfrida Tancredi".split()
TEXTS = """StudyDescription ProtocolName ImageComments PatientComments AdditionalPatientHistory
    DerivationDescription AdmittingDiagnosesDescription RequestedProcedureDescription
    PerformedProcedureStepDescription InstitutionName InstitutionAddress InstitutionalDepartmentName
    AcquisitionDeviceProcessingDescription AcquisitionComments OperatorsName
    ReasonForTheRequestedProcedure""".split()
KEPT = """KVP ExposureTime XRayTubeCurrent Exposure BodyPartExamined ViewPosition WindowCenter
    WindowWidth Manufacturer ManufacturerModelName Rows Columns BitsStored PhotometricInterpretation
    Modality ImageLaterality PositionerType DetectorType ImagerPixelSpacing SOPClassUID""".split()
NOT_EMPTY = "SOPInstanceUID StudyInstanceUID SeriesInstanceUID ImageLaterality".split()
DATES = "StudyDate SeriesDate AcquisitionDate ContentDate".split()
BY_OPTION = {
    "retain-patient-characteristics": ["PatientSex", "PatientAge", "PatientSize", "PatientWeight"],
    "retain-device-identity": ["DeviceSerialNumber", "StationName", "DetectorID"],
    "clean-descriptors": ["SeriesDescription"],
}


class Patient:
    def __init__(self, number, chance):
        self.first, self.last = chance.choice(FIRST), chance.choice(LAST)
        self.id = f"PID-{4711000 + number}"
        day = datetime.date(2016, 1, 1) + datetime.timedelta(chance.randrange(700))
        self.birth = day.strftime("%Y%m%d")
        self.exam = day + datetime.timedelta(800 + chance.randrange(300))
        digits = f"{chance.randrange(10**7):07}"
        self.phone, self.mail = f"+49-{digits}", f"{self.last}{number}@mail.example"
        self.street, self.insured = f"{digits[:3]} Elm Crescent", f"INS{digits}K{number}"

    def identifiers(self):
        return [self.first, self.last, self.id, self.birth, self.phone, self.mail, self.street,
                self.insured]

    def text(self, chance):
        forms = [
            f"Chest of {self.first} {self.last}", f"{self.last} {self.id}, call {self.phone}",
            f"born {self.birth}, {self.street}", f"mail {self.mail}", f"insured as {self.insured}",
            f"for Dr. {self.last.upper()}", f"{self.id}/{self.exam:%Y%m%d}",
        ]
        return chance.choice(forms)


class Key(list):
    """Actions: what is expected, at the path of tags and item numbers, with a value."""

    def add(self, action, path, value=None, needs=None):
        self.append({"action": action, "path": path, "value": value, "needs": needs})


def plant(data, patient, number, chance):
    """Puts the patient into an object, and returns the key."""
    key = Key()
    data.PatientName, data.PatientID = f"{patient.last}^{patient.first}", patient.id
    data.PatientBirthDate, data.AccessionNumber = patient.birth, f"A{patient.insured[3:]}"
    data.PatientSex, data.PatientAge = chance.choice("FM"), "003Y"
    data.PatientSize, data.PatientWeight = "0.97", "14.5"
    data.KVP, data.ExposureTime, data.XRayTubeCurrent, data.Exposure = "70", "8", "200", "2"
    data.ManufacturerModelName, data.DetectorID = "Phantom 7", "DET-5"
    data.DeviceSerialNumber, data.StationName = "SN-123456", "ROOM7"
    data.SeriesDescription = "CHEST AP"
    exam = patient.exam + datetime.timedelta(number % 3)
    for keyword in DATES:
        setattr(data, keyword, exam.strftime("%Y%m%d"))
        key.add("date_shifted", [keyword], exam.strftime("%Y%m%d"), "shift")
    data.OperatorsName = f"{patient.last}^{patient.first}"
    for keyword in TEXTS:
        if keyword != "OperatorsName":
            setattr(data, keyword, patient.text(chance))
        key.add("text_removed", [keyword])
    for keyword in KEPT:
        value = data[keyword].value
        key.add("text_retained", [keyword], str(value))
        key.add("tag_retained", [keyword])
    for option, keywords in BY_OPTION.items():
        for keyword in keywords:
            key.add("text_retained", [keyword], str(data[keyword].value), option)
    for keyword in NOT_EMPTY:
        key.add("text_notnull", [keyword])
    for keyword in ["StudyDate", "AccessionNumber", "ReferringPhysicianName", "PatientBirthDate"]:
        key.add("tag_retained", [keyword])
    uid = lambda *parts: generate_uid(entropy_srcs=["key", *map(str, parts)])
    data.StudyInstanceUID = uid("study", patient.id)
    data.SeriesInstanceUID = uid("series", patient.id)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = uid("object", number)
    related = Dataset()
    related.StudyInstanceUID, related.SeriesInstanceUID = data.StudyInstanceUID, data.SeriesInstanceUID
    data.RelatedSeriesSequence = [related]
    at = ["RelatedSeriesSequence", 0, "SeriesInstanceUID"]
    for path in [[k] for k in NOT_EMPTY[:3]] + [at]:
        value = str(find(data, path))
        key.add("uid_changed", path, value)
        key.add("uid_consistent", path, value)
    key.add("patid_consistent", ["PatientID"], patient.id)
    deep(data, patient, key, chance)
    private(data, patient, key, chance)
    return key


def deep(data, patient, key, chance):
    """Texts in sequences, four deep."""
    path, holder = ["AcquisitionContextSequence"], data
    for depth in range(4):
        item = Dataset()
        item.ValueType, item.TextValue = "TEXT", patient.text(chance)
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator = "W7", "99WARD"
        code.CodeMeaning = patient.text(chance)
        item.ConceptNameCodeSequence = [code]
        holder.add_new(Tag(path[-1]), "SQ", [item])
        key.add("text_removed", [*path, 0, "TextValue"])
        key.add("text_removed", [*path, 0, "ConceptNameCodeSequence", 0, "CodeMeaning"])
        path, holder = [*path, 0, "ContentItemModifierSequence"], item


def private(data, patient, key, chance):
    for group in [0x0009, 0x0019, 0x0029]:
        block = data.private_block(group, f"PHANTOMS {group}", create=True)
        block.add_new(1, "LO", patient.text(chance))
        block.add_new(2, "UN", patient.text(chance).encode())
        for number in [1, 2]:
            key.add("private_removed", [int(block.get_tag(number))])
    inner = Dataset()
    inner.private_block(0x0011, "PHANTOMS", create=True).add_new(1, "LO", patient.text(chance))
    block = data.private_block(0x0041, "PHANTOMS", create=True)
    block.add_new(1, "SQ", [inner])
    key.add("private_removed", [int(block.get_tag(1))])
    safe = data.private_block(0x0903, "GEIIS PACS", create=True)
    safe.add_new(0x11, "US", 1)
    key.add("text_retained", [int(safe.get_tag(0x11))], "1", "retain-safe-private")


def find(data, path):
    for step in path:
        if isinstance(step, int) and not isinstance(data, Dataset):
            data = data[step] if step < len(data) else None
        else:
            tag = Tag(step)
            data = data[tag].value if tag in data else None
        if data is None:
            return None
    return data


def make(drawn, out):
    chance = random.Random(1)
    out.mkdir(parents=True, exist_ok=True)
    truths = json.loads((drawn / "truth.json").read_text())
    keys = {}
    for number, truth in enumerate(truths):
        if number % 3 == 0:
            patient = Patient(number // 3, chance)
        data = dcmread(drawn / truth["file"])
        key = plant(data, patient, number, chance)
        for text in truth["texts"]:
            if text["what"] != "marker":
                key.add("pixels_hidden", [text["x"], text["y"], text["width"], text["height"]])
        for _ in range(4):
            x, y = (chance.randrange(side // 3, side // 2) for side in (data.Columns, data.Rows))
            key.add("pixels_retained", [x, y, 24, 24])
        name = f"object-{number:04}.dcm"
        data.save_as(out / name, enforce_file_format=True)
        keys[name] = {"key": key, "identifiers": patient.identifiers()}
    (out / "key.json").write_text(json.dumps(keys))


def main():
    make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))


if __name__ == "__main__":
    main()

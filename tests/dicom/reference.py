#!/usr/bin/env python3
"""Writes X-rays as DICOM objects in every transfer syntax, and what pydicom reads from them.

    tests/dicom/reference.py FOLDER

For each case there are `NAME.dcm`, `NAME.samples` (stored samples, 16 bit little endian, nothing
above the stored bits) and `NAME.shown` (the displayed picture as shares of full white, 64 bit
floats). The patients are invented.
"""

import pathlib
import subprocess
import sys

import numpy as np
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
    JPEGLSNearLossless,
    RLELossless,
    generate_uid,
)

CR, DX, SC = (
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.7",
)
GDCM = {
    "50": "JPEGBaselineProcess1",
    "57": "JPEGLosslessProcess14",
    "70": "JPEGLosslessProcess14_1",
    "80": "JPEGLSLossless",
    "90": "JPEG2000Lossless",
    "91": "JPEG2000",
}
WIDTH, HEIGHT = 248, 184


def field(bits, signed, seed):
    """A smooth field with noise and bright letters, over the whole range of the samples."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    share = 0.5 + 0.4 * np.sin(x / 37) * np.cos(y / 29) + noise.normal(0, 0.01, x.shape)
    share[10:24, 12:60:6] = 1
    share[150:160, 20:50] = 0
    low = -(1 << (bits - 1)) if signed else 0
    return np.clip(np.round(share * ((1 << bits) - 1)) + low, low, low + (1 << bits) - 1)


def object_of(kind, bits, allocated=16, signed=False, inverse=False, seed=1):
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.ImageType = ["ORIGINAL", "PRIMARY", ""]
    data.SOPClassUID, data.SOPInstanceUID = kind, generate_uid(entropy_srcs=[kind, str(seed)])
    data.StudyDate, data.StudyTime = "20200304", "101112"
    data.ContentDate, data.ContentTime = "20200304", "101113"
    data.AcquisitionDate, data.AcquisitionTime = "20200304", "101112"
    data.AccessionNumber, data.ReferringPhysicianName = "ACC4711", "Quack^Quirin"
    data.Manufacturer, data.StudyDescription = "Invented", "Quizzenburg, chest"
    data.InstitutionName = "Invented Hospital"
    data.PatientName, data.PatientID = "Quizzenb\u00fcrg^J\u00e4nner", "PID-4711-X"
    data.PatientBirthDate, data.PatientSex, data.PatientAge = "20170102", "F", "003Y"
    data.PatientSize, data.PatientWeight, data.EthnicGroup = "0.97", "14.5", "Martian"
    data.DeviceSerialNumber, data.StationName, data.DateOfLastCalibration = "SN-77", "ROOM7", "20200301"
    data.private_block(0x0903, "GEIIS PACS", create=True).add_new(0x11, "US", 1)
    data.StudyInstanceUID = generate_uid(entropy_srcs=["study", str(seed)])
    data.SeriesInstanceUID = generate_uid(entropy_srcs=["series", str(seed)])
    data.StudyID, data.SeriesNumber, data.InstanceNumber = "S1", 1, 1
    data.Modality = {CR: "CR", DX: "DX", SC: "OT"}[kind]
    if kind == SC:
        data.ConversionType = "WSD"
    else:
        data.BodyPartExamined, data.ViewPosition = "CHEST", "AP"
    if kind == DX:
        data.PresentationIntentType = "FOR PRESENTATION"
        data.PresentationLUTShape = "INVERSE" if inverse else "IDENTITY"
    data.PatientOrientation = ["L", "F"]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverse else "MONOCHROME2"
    data.Rows, data.Columns = HEIGHT, WIDTH
    data.BitsAllocated, data.BitsStored, data.HighBit = allocated, bits, bits - 1
    data.PixelRepresentation = int(signed)
    kind = ("i" if signed else "u") + str(allocated // 8)
    data.PixelData = field(bits, signed, seed).astype("<" + kind).tobytes()
    data["PixelData"].VR = "OW"
    return data


def window(data, center, width, function=None):
    data.WindowCenter, data.WindowWidth = center, width
    if function:
        data.VOILUTFunction = function
    return data


def lut(first, entries, bits, vr):
    item = Dataset()
    item.add_new(0x00283002, vr, [len(entries) % 65536, first, bits])
    item.add_new(0x00283006, "OW", np.asarray(entries, "<u2").tobytes())
    return item


def save(data, path, syntax):
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    if syntax == ExplicitVRBigEndian:
        data.PixelData = np.frombuffer(data.PixelData, "<u2").astype(">u2").tobytes()
    if syntax == JPEGLSNearLossless:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(JPEGLSNearLossless, jls_error=3, generate_instance_uid=False)
    if syntax == RLELossless:
        data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data.compress(RLELossless, generate_instance_uid=False)
    data.save_as(path, enforce_file_format=True)


def compress(path, syntax):
    """Compresses a file by GDCM, in a process of its own: its zlib and Python's don't agree."""
    import gdcm

    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read(), path
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, GDCM[syntax])))
    change.SetInput(reader.GetImage())
    assert change.Change(), (path, syntax)
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write(), path


def shown(data, samples):
    """The displayed shares: modality, values of interest, presentation."""
    values = apply_modality_lut(samples, data)
    voi = "WindowCenter" in data or "VOILUTSequence" in data
    ready = data.BitsStored == 8 and not data.PixelRepresentation
    if "VOILUTSequence" in data:
        bits = data.VOILUTSequence[0].LUTDescriptor[2]
        share = apply_voi_lut(values, data).astype("f8") / ((1 << bits) - 1)
    elif voi:
        # pydicom's window gives the range of the modality's values.
        ends = [0, (1 << data.BitsStored) - 1]
        if data.PixelRepresentation:
            ends = [-(1 << (data.BitsStored - 1)), (1 << (data.BitsStored - 1)) - 1]
        slope, intercept = data.get("RescaleSlope", 1), data.get("RescaleIntercept", 0)
        low, high = (end * slope + intercept for end in ends)
        if "ModalityLUTSequence" in data:
            low, high = 0, (1 << data.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
        share = (apply_voi_lut(values, data).astype("f8") - low) / (high - low)
    elif ready:
        share = values / 255.0
    else:
        hidden = samples == data.PixelPaddingValue if "PixelPaddingValue" in data else False
        seen = values[~(hidden & np.ones_like(values, bool))]
        share = np.clip((values - seen.min()) / (seen.max() - seen.min()), 0, 1)
    if data.PhotometricInterpretation == "MONOCHROME1":
        share = 1 - share
    if "PixelPaddingValue" in data:
        share = np.where(samples == data.PixelPaddingValue, 0, share)
    return share.astype("<f8")


def cases():
    yield "explicit-dx-12", window(object_of(DX, 12), 2048, 3000), ExplicitVRLittleEndian
    cr = window(object_of(CR, 16, signed=True, inverse=True), 1000, 30000, "SIGMOID")
    cr.RescaleSlope, cr.RescaleIntercept, cr.RescaleType = 1, -1024, "US"
    yield "implicit-cr-16-signed-inverse", cr, ImplicitVRLittleEndian
    big = window(object_of(DX, 14, inverse=True), 9000, 12000, "LINEAR_EXACT")
    yield "big-dx-14-inverse", big, ExplicitVRBigEndian
    yield "big-sc-8", object_of(SC, 8, 8), ExplicitVRBigEndian
    yield "deflated-sc-8", object_of(SC, 8, 8), DeflatedExplicitVRLittleEndian
    padded = object_of(DX, 15)
    padded.PixelPaddingValue = 0
    padded["PixelPaddingValue"].VR = "US"
    yield "rle-dx-15-padding", padded, RLELossless
    yield "rle-sc-8", object_of(SC, 8, 8), RLELossless
    table = object_of(DX, 12)
    entries = np.round(65535 * (np.arange(4000) / 3999) ** 2)
    table.VOILUTSequence = [lut(48, entries, 16, "US")]
    yield "explicit-dx-12-voi-table", table, ExplicitVRLittleEndian
    table = window(object_of(CR, 12, signed=True), 30000, 50000)
    table.ModalityLUTSequence = [lut(-2000, np.arange(4000) * 16, 16, "SS")]
    table.ModalityLUTSequence[0].ModalityLUTType = "US"
    yield "explicit-cr-12-signed-modality-table", table, ExplicitVRLittleEndian
    # No encoder of 12 bit JPEG is at hand, so the picture is one that pydicom ships.
    lossy = dcmread(get_testdata_file("JPGExtended.dcm"))
    data = object_of(CR, 12)
    data.Rows, data.Columns = lossy.Rows, lossy.Columns
    data.PixelData, data["PixelData"].is_undefined_length = lossy.PixelData, True
    data["PixelData"].VR = "OB"
    yield "51-cr-12", window(data, 2048, 4096), JPEGExtended12Bit
    for syntax, bits, signed in [
        ("50", 8, False),
        ("57", 12, False),
        ("57", 16, True),
        ("70", 15, False),
        ("70", 8, False),
        ("90", 15, False),
        ("90", 12, True),
        ("90", 16, False),
        ("91", 12, False),
        ("80", 12, False),
        ("80", 16, True),
        ("80", 8, False),
        ("81", 12, False),
        ("81", 16, False),
    ]:
        data = object_of(DX, bits, 8 if bits == 8 else 16, signed)
        name = f"{syntax}-dx-{bits}" + ("-signed" if signed else "")
        yield name, window(data, 0 if signed else 1 << (bits - 1), 1 << bits), syntax


def main():
    folder = pathlib.Path(sys.argv[1])
    for name, data, syntax in cases():
        path = folder / f"{name}.dcm"
        if syntax == "81":
            save(data, path, JPEGLSNearLossless)
        elif syntax in GDCM:
            save(data, path, ExplicitVRLittleEndian)
            subprocess.run([sys.executable, __file__, "--compress", path, syntax], check=True)
        else:
            save(data, path, syntax)
        read = dcmread(path)
        samples = read.pixel_array
        mask = (1 << read.BitsStored) - 1
        (samples.astype("i4") & mask).astype("<u2").tofile(path.with_suffix(".samples"))
        shown(read, samples).tofile(path.with_suffix(".shown"))


if __name__ == "__main__":
    if sys.argv[1] == "--compress":
        compress(*sys.argv[2:])
    else:
        main()

#!/usr/bin/env python3
"""Works with a running Orthanc, as user `clinic` with the password `secret`.

    tests/dicom/archive.py forward URL PEER FILE ...  stores files and sends them on by C-STORE
    tests/dicom/archive.py fetch URL FOLDER           gets all instances as MODALITY-N.dcm
    tests/dicom/archive.py read FOLDER                prints what highdicom and pydicom read
"""

import base64
import json
import pathlib
import sys
import urllib.request

import highdicom
from pydicom import dcmread


def call(url, body=None):
    request = urllib.request.Request(url, data=body)
    token = base64.b64encode(b"clinic:secret").decode()
    request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request) as response:
        return response.read()


def forward(url, peer, *files):
    added = [json.loads(call(f"{url}/instances", pathlib.Path(file).read_bytes())) for file in files]
    ids = json.dumps([instance["ID"] for instance in added])
    said = json.loads(call(f"{url}/modalities/{peer}/store", ids.encode()))
    print(json.dumps({"sent": said["InstancesCount"], "failed": said["FailedInstancesCount"]}))


def fetch(url, folder):
    for number, instance in enumerate(json.loads(call(f"{url}/instances"))):
        path = pathlib.Path(folder) / f"{number}.dcm"
        path.write_bytes(call(f"{url}/instances/{instance}/file"))
        path.rename(path.with_name(f"{dcmread(path).Modality}-{number}.dcm"))


def read(folder):
    said = {}
    for path in sorted(pathlib.Path(folder).glob("*.dcm")):
        data = dcmread(path)
        if data.Modality == "SR":
            group = highdicom.sr.srread(path).content.get_image_measurement_groups()[0]
            risk = [m.value for m in group.get_measurements() if m.name.value == "111012"]
            said["SR"] = [float(value) for value in risk]
        elif data.Modality == "PR":
            text = data.GraphicAnnotationSequence[0].TextObjectSequence[0]
            said["PR"] = str(text.UnformattedTextValue)
        else:
            said[data.Modality] = [list(data.pixel_array.shape), str(data.PatientName)]
    print(json.dumps(said))


if __name__ == "__main__":
    {"forward": forward, "fetch": fetch, "read": read}[sys.argv[1]](*sys.argv[2:])

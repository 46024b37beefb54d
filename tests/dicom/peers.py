#!/usr/bin/env python3
"""De-identifies the objects of key.py by other programs, for `score.py`.

    tests/dicom/peers.py PROGRAM objects out > lines

PROGRAM is `dicom-anonymizer`, `dcm-anon` or `Orthanc`, a command that is installed, by its name or
path.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

PORT = 18042


def orthanc(program, folder, out):
    """Stores the objects, has each patient's studies anonymized, and fetches what was made."""
    with tempfile.TemporaryDirectory() as state:
        settings = pathlib.Path(state) / "orthanc.json"
        settings.write_text(json.dumps({
            "StorageDirectory": f"{state}/db", "IndexDirectory": f"{state}/db", "HttpPort": PORT,
            "DicomServerEnabled": False, "RemoteAccessAllowed": False, "Plugins": [],
            "AuthenticationEnabled": False, "OverwriteInstances": True,
        }))
        server = subprocess.Popen([program, settings], stdout=sys.stderr, stderr=subprocess.STDOUT)
        try:
            sources = {}
            for path in sorted(folder.glob("*.dcm")):
                sources[request("instances", path.read_bytes())["ID"]] = path.name
            for patient in request("patients"):
                request(f"patients/{patient}/anonymize", b"{}")
            for instance in request("instances"):
                made = request(f"instances/{instance}/metadata?expand")
                if name := sources.get(made.get("AnonymizedFrom")):
                    (out / name).write_bytes(request(f"instances/{instance}/file", is_json=False))
        finally:
            server.terminate()
            server.wait()


def request(path, body=None, is_json=True):
    for attempt in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{path}", body) as response:
                content = response.read()
                return json.loads(content) if is_json else content
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            if attempt == 99:
                raise
            time.sleep(0.2)


def main():
    program, folder, out = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
    out.mkdir(parents=True, exist_ok=True)
    name = pathlib.Path(program).name
    if name == "Orthanc":
        orthanc(program, folder, out)
    else:
        arguments = [program, folder, out]
        subprocess.run(list(map(str, arguments)), check=True, stdout=sys.stderr)
    for path in sorted(folder.glob("*.dcm")):
        if (out / path.name).exists():
            print(json.dumps({"source": str(path), "anonymized": str(out / path.name)}))


if __name__ == "__main__":
    main()

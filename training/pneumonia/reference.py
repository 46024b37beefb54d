"""Prints reference values for other implementations, as JSON.

They are the digest and the mean of the resized image, and the risk.

python reference.py --model ../../models/pneumonia IMAGE...
"""

import argparse
import hashlib
import json
import os

import numpy as np
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
from PIL import Image

from preprocess import gray_square

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", required=True, help="folder with model.onnx and contract.json")
parser.add_argument("images", nargs="+")
args = parser.parse_args()

with open(os.path.join(args.model, "contract.json")) as file:
    contract = json.load(file)
rule = contract["input"]
# Another form would silently give wrong scores.
form = (
    rule["layout"],
    rule["channels"].replace("grey", "gray"),
    rule["resize"],
    contract["output"]["kind"],
)
assert (
    form == ("NHWC", "gray", "box-then-bilinear", "probability") and rule["width"] == rule["height"]
), form
session = onnxruntime.InferenceSession(
    os.path.join(args.model, "model.onnx"), providers=["CPUExecutionProvider"]
)

rows = []
for number, path in enumerate(args.images):
    with Image.open(path) as image:
        gray = gray_square(image, rule["width"])
    values = gray.astype(np.float32)[None, ..., None] * np.float32(rule["scale"]) + np.float32(
        rule["offset"]
    )
    output = session.run([contract["output"]["name"]], {rule["name"]: values})[0]
    # Rows are numbered, because file names contain patient names.
    rows.append(
        {
            "image": number,
            "sha256": hashlib.sha256(gray.tobytes()).hexdigest(),
            "mean": round(float(gray.mean()), 4),
            "risk": round(float(output.ravel()[contract["output"]["index"]]), 6),
        }
    )
print(json.dumps(rows, indent=2))

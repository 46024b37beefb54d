"""Prints what the resize rule makes of pictures, and the model's risk, as JSON to compare another implementation with.

    python reference.py --model ../../models/pneumonia PICTURE...
"""

import argparse
import hashlib
import json
import os

import numpy as np
import onnxruntime
from PIL import Image

from preprocess import grey_square

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--model", required=True, help="folder with model.onnx and contract.json")
parser.add_argument("pictures", nargs="+")
args = parser.parse_args()

with open(os.path.join(args.model, "contract.json")) as file:
    contract = json.load(file)
rule = contract["input"]
# Another form would be scored wrongly without a word, so it is refused.
form = (rule["layout"], rule["channels"], rule["resize"], contract["output"]["kind"])
assert form == ("NHWC", "grey", "box-then-bilinear", "probability") and rule["width"] == rule["height"], form
session = onnxruntime.InferenceSession(os.path.join(args.model, "model.onnx"), providers=["CPUExecutionProvider"])

rows = []
for number, path in enumerate(args.pictures):
    with Image.open(path) as image:
        grey = grey_square(image, rule["width"])
    values = grey.astype(np.float32)[None, ..., None] * np.float32(rule["scale"]) + np.float32(rule["offset"])
    output = session.run([contract["output"]["name"]], {rule["name"]: values})[0]
    # File names carry patients, so a row is known by its number.
    rows.append(
        {
            "picture": number,
            "sha256": hashlib.sha256(grey.tobytes()).hexdigest(),
            "mean": round(float(grey.mean()), 4),
            "risk": round(float(output.ravel()[contract["output"]["index"]]), 6),
        }
    )
print(json.dumps(rows, indent=2))

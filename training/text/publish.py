"""Writes model.onnx and contract.json from a checkpoint, and checks the graph against the network.

    python publish.py --out DIR [--plan wide] [--checkpoint FILE] [--figures figures.json]
"""

import argparse
import json
import os

import numpy as np
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
import torch

import detector
import layers
import learn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument("--checkpoint", help="the plan's own by default")
    parser.add_argument("--low", type=float, default=0.25)
    parser.add_argument("--high", type=float, default=0.6)
    parser.add_argument("--marker", type=float, default=0.5)
    parser.add_argument("--figures", help="figures.json, whose size and digest of the model change")
    parser.add_argument("--plan", choices=learn.PLANS, default="detector")
    args = parser.parse_args()
    plan, checkpoint = learn.PLANS[args.plan]
    model = plan.load(args.checkpoint or checkpoint)
    content = plan.to_onnx(model)
    thresholds = {
        "low": args.low,
        "high": args.high,
        "residual": args.high,
        "marker": args.marker,
    }
    digest = layers.write(args.out, content, lambda digest: detector.contract(digest, thresholds))
    levels = np.random.default_rng(0).integers(0, 256, (1, 1, 256, 384), dtype=np.uint8)
    with torch.no_grad():
        expected = torch.sigmoid(model(torch.from_numpy(levels.astype(np.float32)))).numpy()
    path = os.path.join(args.out, "model.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    parity = float(np.abs(expected - session.run(["map"], {"input": levels})[0]).max())
    assert parity < 1e-4, f"the exported graph differs from the trained network: {parity}"
    if args.figures:
        with open(args.figures) as file:
            figures = json.load(file)
        figures["model_sha256"], figures["bytes"] = digest, len(content)
        figures["parameters"], figures["parity"] = sum(p.numel() for p in model.parameters()), parity
        with open(args.figures, "w") as file:
            json.dump(figures, file, indent=2)
            file.write("\n")
    print(f"{len(content)} bytes, parity {parity:.1e}")


if __name__ == "__main__":
    main()

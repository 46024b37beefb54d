"""Writes model.onnx and contract.json from the checkpoint, and compares graph and network.

    python publish.py --out DIR [--upright 0.8] [--turned 0.95]
"""

import argparse
import os

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
import torch  # noqa: E402

import recognizer  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))


def written(model: recognizer.Recognizer, folder: str, thresholds: dict) -> float:
    """Writes both files, and returns how far a probability is from the network's at most."""
    content = recognizer.to_onnx(model)
    recognizer.layers.write(folder, content, lambda digest: recognizer.contract(digest, thresholds))
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), providers=["CPUExecutionProvider"])
    rng, apart = np.random.default_rng(0), 0.0
    for _ in range(8):
        levels = rng.integers(0, 256, (1, 1, recognizer.HEIGHT, recognizer.WIDTH), dtype=np.uint8)
        with torch.no_grad():
            expected = torch.softmax(model(torch.from_numpy(levels.astype(np.float32))), 1).numpy()
        apart = max(apart, np.abs(expected - session.run(["marker"], {"input": levels})[0]).max())
    return float(apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, help="folder for the model and its contract")
    parser.add_argument("--checkpoint", default=os.path.join(HERE, "checkpoint.npz"))
    parser.add_argument("--upright", type=float, default=0.65)
    parser.add_argument("--turned", type=float, default=0.95)
    args = parser.parse_args()
    thresholds = {"upright": args.upright, "turned": args.turned}
    apart = written(recognizer.load(args.checkpoint), args.out, thresholds)
    assert apart < 1e-4, f"the exported graph differs from the trained network: {apart}"
    print(f"{os.path.getsize(os.path.join(args.out, 'model.onnx'))} bytes, parity {apart:.1e}")


if __name__ == "__main__":
    main()

"""Trains the marker recognizer, on one thread.

    python learn.py --data FULL --small TRAIN --fonts FONTS --work WORK --shards 90 --workers 2

The folders are those of training/text/learn.py. Other processes draw the shards of windows while it
learns from those that are there; the rate falls over all steps. A run goes on from WORK, or else
from checkpoint.npz.
"""

import argparse
import json
import multiprocessing
import os
import time

import numpy as np
import torch

import recognizer
import samples
from descent import FAST, Descent, keep
from recognizer import CLASSES

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKPOINT = os.path.join(HERE, "checkpoint.npz")
SHARD, BATCH, STEPS = 2048, 128, 500
RATE, WARM, AVERAGE = 3e-3, 300, 0.998
# The class `other` weighs more: leaks are worse than covered markers.
OTHER = 1.2
# Training starts when that many shards are drawn.
ENOUGH = 12
# The seed of the windows that nothing is learned from, in fonts and on X-rays of their own.
ASIDE = 10**6


def moved(x: np.ndarray, rng) -> np.ndarray:
    """Returns windows moved, stretched and skewed a little, some of them with an edge over them."""
    count, height, width = x.shape
    wide = np.float32(height / width)
    place = np.zeros((count, 2, 3), np.float32)
    place[:, 0, 0] = rng.uniform(0.9, 1.12, count)
    place[:, 1, 1] = rng.uniform(0.9, 1.12, count)
    place[:, 0, 1] = rng.normal(0, 0.06, count) * wide
    place[:, 1, 0] = rng.normal(0, 0.02, count) / wide
    place[:, 0, 2] = rng.uniform(-2, 2, count) / width
    place[:, 1, 2] = rng.uniform(-2, 2, count) / height
    grid = torch.nn.functional.affine_grid(torch.from_numpy(place), (count, 1, height, width), align_corners=False)
    x = torch.nn.functional.grid_sample(
        torch.from_numpy(x)[:, None], grid, padding_mode="border", align_corners=False
    )[:, 0].numpy()
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    columns /= wide
    for i in np.flatnonzero(rng.random(count) < 0.25):
        # The soft edge of a bone.
        turn, at, soft = rng.uniform(0, 2 * np.pi), rng.uniform(-1, 1.5), rng.uniform(0.05, 0.8)
        edge = 1 / (1 + np.exp(np.clip((at - np.cos(turn) * columns - np.sin(turn) * rows) / soft, -20, 20)))
        x[i] += float(rng.normal(0, 50)) * edge
    return x


def varied(levels: np.ndarray, rng) -> np.ndarray:
    """Returns windows in other tones, moved and with noise."""
    x = levels.astype(np.float32)
    count = len(x)
    x = moved(x, rng)
    low = rng.uniform(0, 40, count) * (rng.random(count) < 0.4)
    high = 255 - rng.uniform(0, 60, count) * (rng.random(count) < 0.4)
    invert = rng.random(count) < 0.25
    low, high = np.where(invert, high, low), np.where(invert, low, high)
    x = low[:, None, None] + x * ((high - low) / 255)[:, None, None]
    for i in np.flatnonzero(rng.random(count) < 0.2):
        x[i] += rng.uniform(2, 14) * rng.standard_normal(x[i].shape, np.float32)
    return np.clip(x, 0, 255).astype(np.float32)


def scores(model, levels: np.ndarray) -> np.ndarray:
    model.eval()
    with torch.no_grad():
        parts = [
            torch.softmax(model(torch.from_numpy(levels[i : i + 256].astype(np.float32))[:, None]), 1)
            for i in range(0, len(levels), 256)
        ]
    return torch.cat(parts).numpy()


def look(model, levels: np.ndarray, codes: np.ndarray) -> dict:
    """Returns the markers kept and the others taken for markers at some thresholds."""
    chances = scores(model, levels)
    best, sure = chances.argmax(1), chances.max(1)
    found = {}
    for least in (0.9, 0.98, 0.995):
        kept = (best > 0) & (sure >= least)
        found[str(least)] = {
            "kept": round(float((kept & (best == codes))[codes > 0].mean()), 4),
            "taken": round(float(kept[codes == 0].mean()), 5),
        }
    return found


def draw(args, shards: list[int]) -> None:
    """Draws the shards that the folder lacks; one that another process has begun is left to it."""
    scenes = samples.loaded(args)
    for seed in shards:
        path = os.path.join(args.work, f"{seed}.npz")
        try:
            os.close(os.open(path + ".begun", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        levels, codes = scenes.shard(seed, SHARD)
        np.savez(path + ".part.npz", levels=levels, codes=codes)
        os.replace(path + ".part.npz", path)


def drawers(args) -> list[multiprocessing.Process]:
    """Starts the processes that draw; what an interrupted run had begun is drawn again."""
    missing = [n for n in range(args.shards) if not os.path.exists(os.path.join(args.work, f"{n}.npz"))]
    for seed in missing:
        begun = os.path.join(args.work, f"{seed}.npz.begun")
        if os.path.exists(begun):
            os.remove(begun)
    made = multiprocessing.get_context("spawn")
    workers = [
        made.Process(target=draw, args=(args, missing), daemon=True)
        for _ in range(args.workers if missing else 0)
    ]
    for worker in workers:
        worker.start()
    return workers


class Pool:
    """The windows that were drawn so far. Shards from the number `fresh` on are half of a batch."""

    def __init__(self, folder: str, fresh: int):
        self.folder, self.fresh = folder, fresh
        self.known, self.levels, self.codes, self.is_fresh = set(), [], [], []

    def refreshed(self) -> int:
        """Reads the shards that came since, and returns how many there are."""
        for file in sorted(os.listdir(self.folder)):
            if file.removesuffix(".npz").isdigit() and file not in self.known:
                with np.load(os.path.join(self.folder, file)) as shard:
                    self.levels.append(shard["levels"])
                    self.codes.append(shard["codes"].astype(np.int64))
                self.is_fresh.append(int(file.removesuffix(".npz")) >= self.fresh)
                self.known.add(file)
        return len(self.known)

    def batch(self, rng) -> tuple[np.ndarray, np.ndarray]:
        is_fresh = np.array(self.is_fresh)
        weights = np.where(is_fresh, 1 / max(1, is_fresh.sum()), 1 / max(1, (~is_fresh).sum()))
        shards = rng.choice(len(weights), BATCH, p=weights / weights.sum())
        places = rng.integers(SHARD, size=BATCH)
        pairs = list(zip(shards, places))
        return np.stack([self.levels[s][p] for s, p in pairs]), np.array([self.codes[s][p] for s, p in pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with X-rays at full size")
    parser.add_argument("--small", help="folder with X-rays of 224 px")
    parser.add_argument("--fonts", required=True, help="folder of training/text/install-fonts")
    parser.add_argument("--work", required=True)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw")
    parser.add_argument("--fresh", type=int, default=0, help="first shard of those that are half of each batch")
    parser.add_argument("--steps", type=int, default=30000)
    parser.add_argument("--rate", type=float, default=RATE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.work, exist_ok=True)
    workers, pool = drawers(args), Pool(args.work, args.fresh)
    aside = os.path.join(args.work, "aside.npz")
    if not os.path.exists(aside):
        levels, codes = samples.loaded(args, held_out_fonts=True).shard(ASIDE, 2 * SHARD)
        np.savez(aside, levels=levels, codes=codes)
    with np.load(aside) as file:
        aside = file["levels"], file["codes"]
    model, step, spent = recognizer.Recognizer(), 0, 0.0
    last = os.path.join(args.work, "last.pt")
    if os.path.exists(last):
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["model"])
        step, spent = kept["step"], kept["spent"]
    elif os.path.exists(CHECKPOINT):
        recognizer.layers.load(model, CHECKPOINT)
    model = model.to(memory_format=torch.channels_last)
    descent = Descent(model, AVERAGE)
    average = descent.average
    weight = torch.ones(len(CLASSES))
    weight[0] = OTHER
    while pool.refreshed() < min(ENOUGH, args.shards):
        if not any(worker.is_alive() for worker in workers):
            raise SystemExit("nothing draws windows any more; see the error above")
        time.sleep(2)
    rng = np.random.default_rng(step)
    while step < args.steps:
        clock, total = time.process_time(), []
        model.train()
        for _ in range(STEPS):
            levels, codes = pool.batch(rng)
            x = torch.from_numpy(varied(levels, rng))[:, None]
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=FAST):
                logits = model(x)
            value = torch.nn.functional.cross_entropy(logits.float(), torch.from_numpy(codes), weight)
            fall = (1 + np.cos(np.pi * step / args.steps)) / 2
            descent.step(value, args.rate * min((step + 1) / WARM, fall + 1e-3))
            total.append(float(value.detach()))
            step += 1
        spent += time.process_time() - clock
        keep({"model": average.module.state_dict(), "step": step, "spent": spent}, last)
        recognizer.layers.save(average.module, CHECKPOINT)
        line = {"step": step, "loss": round(float(np.mean(total)), 4), "cpu_s": round(spent), "shards": pool.refreshed()}
        line |= look(average.module, *aside) if step % (4 * STEPS) == 0 or step >= args.steps else {}
        with open(os.path.join(args.work, "curve.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()

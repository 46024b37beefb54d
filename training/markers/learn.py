"""Trains the marker recognizer, on one thread.

    python learn.py --data FULL --small TRAIN --fonts FONTS --work WORK --cycles 60 --cool 15

The folders are those of training/text/learn.py. A cycle draws a shard of windows and learns from
all that were drawn so far; the rate falls in the last `--cool` cycles. A run goes on from WORK, or
else from checkpoint.npz.
"""

import argparse
import json
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
SHARD, BATCH, STEPS, POOL = 2048, 128, 300, 60
RATE, WARM, AVERAGE = 2e-3, 200, 0.995
# The class `other` weighs more: leaks are worse than covered markers.
OTHER = 2.0
# Share of a batch that is drawn by loss.
HARD = 0.25
# The seed of the windows that nothing is learned from, in fonts and on X-rays of their own.
ASIDE = 10**6


def varied(levels: np.ndarray, rng) -> np.ndarray:
    """Returns windows in other tones, moved and with noise."""
    x = levels.astype(np.float32)
    count = len(x)
    for i in range(count):
        x[i] = np.roll(x[i], tuple(rng.integers(-1, 2, 2)), (0, 1))
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with X-rays at full size")
    parser.add_argument("--small", help="folder with X-rays of 224 px")
    parser.add_argument("--fonts", required=True, help="folder of training/text/install-fonts")
    parser.add_argument("--work", required=True)
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--cool", type=int, default=15)
    parser.add_argument("--rate", type=float, default=RATE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    os.makedirs(args.work, exist_ok=True)
    aside = os.path.join(args.work, "aside.npz")
    if not os.path.exists(aside):
        levels, codes = samples.loaded(args, held_out_fonts=True).shard(ASIDE, 2 * SHARD)
        np.savez(aside, levels=levels, codes=codes)
    with np.load(aside) as file:
        aside = file["levels"], file["codes"]
    model, step, spent = recognizer.Recognizer(), 0, 0.0
    if os.path.exists(CHECKPOINT):
        recognizer.layers.load(model, CHECKPOINT)
    last = os.path.join(args.work, "last.pt")
    if os.path.exists(last):
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["model"])
        step, spent = kept["step"], kept["spent"]
    model = model.to(memory_format=torch.channels_last)
    descent = Descent(model, AVERAGE)
    average = descent.average
    weight = torch.ones(len(CLASSES))
    weight[0] = OTHER
    scenes, levels, codes, loss_of = None, [], [], []
    for file in sorted((int(f[:-4]) for f in os.listdir(args.work) if f[:-4].isdigit()))[-POOL:]:
        with np.load(os.path.join(args.work, f"{file}.npz")) as shard:
            levels.append(shard["levels"]), codes.append(shard["codes"])
            loss_of.append(np.full(SHARD, 2.0))
    rng = np.random.default_rng(step)
    for cycle in range(args.cycles):
        clock = time.process_time()
        if len(levels) < POOL:
            scenes = scenes or samples.loaded(args)
            seed = step + 1
            drawn = scenes.shard(seed, SHARD)
            np.savez(os.path.join(args.work, f"{seed}.npz"), levels=drawn[0], codes=drawn[1])
            levels.append(drawn[0]), codes.append(drawn[1]), loss_of.append(np.full(SHARD, 2.0))
        every, known, loss = np.concatenate(levels), np.concatenate(codes), np.concatenate(loss_of)
        model.train()
        total = []
        for i in range(STEPS):
            chance = loss.clip(0.02, 2.0)
            chance = HARD * chance / chance.sum() + (1 - HARD) / len(chance)
            chosen = rng.choice(len(every), BATCH, p=chance / chance.sum())
            x = torch.from_numpy(varied(every[chosen], rng))[:, None]
            x = x.contiguous(memory_format=torch.channels_last)
            y = torch.from_numpy(known[chosen].astype(np.int64))
            with torch.autocast("cpu", torch.bfloat16, enabled=FAST):
                logits = model(x)
            each = torch.nn.functional.cross_entropy(logits.float(), y, reduction="none")
            # What nobody can read teaches little.
            capped = torch.where(y > 0, torch.clamp(each, max=6.0), each)
            value = (capped * weight[y]).mean()
            left = args.cycles * STEPS - cycle * STEPS - i
            rate = args.rate * min(1, (step + 1) / WARM, left / max(1, args.cool * STEPS))
            descent.step(value, rate)
            loss[chosen] = each.detach().numpy()
            total.append(float(value.detach()))
            step += 1
        loss_of = list(loss.reshape(-1, SHARD))
        spent += time.process_time() - clock
        keep({"model": average.module.state_dict(), "step": step, "spent": spent}, last)
        recognizer.layers.save(average.module, CHECKPOINT)
        line = {"step": step, "loss": round(float(np.mean(total)), 4), "cpu_s": round(spent)}
        line |= look(average.module, *aside) if cycle % 2 == 1 or cycle == args.cycles - 1 else {}
        with open(os.path.join(args.work, "curve.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()

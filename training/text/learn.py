"""Trains the detector or its teacher, on one thread unless told otherwise.

    python learn.py --data FULL --small TRAIN --fonts FONTS --work WORK --minutes 60
    python learn.py … --plan wide                           first, the teacher
    python learn.py … --teacher checkpoint-wide.npz         then the detector

FULL contains NORMAL and PNEUMONIA with X-rays at full size, TRAIN the same with X-rays of 224 px,
FONTS is what `install-fonts` made. A run that ended or was interrupted goes on from WORK; without
one it starts from the plan's checkpoint beside this file, which every run writes. The
rate is constant, so training may end at any time: --cool STEPS lowers it to zero over that many
last steps.
"""

import argparse
import json
import os
import time

import numpy as np
import torch
from scipy import ndimage
from torch.nn.functional import logsigmoid

import detector
import layers
import wide
from descent import FAST, Descent, keep
from scenes import crops, fonts, grounds, sheet

HERE = os.path.dirname(os.path.abspath(__file__))
# Each plan with its compact checkpoint.
PLANS = {
    "detector": (detector, os.path.join(HERE, "checkpoint.npz")),
    "wide": (wide, os.path.join(HERE, "checkpoint-wide.npz")),
}
SHARD, BATCH = 256, 16
# Steps between new shards, and the number of shards that are kept.
STEPS, POOL = 256, 40
# Steps between looks at a shard of its own that nothing is learned from, and that shard's seed.
LOOKS, ASIDE = 1024, 10**6
WEIGHTS = torch.tensor([1.5, 3.0, 3.0, 3.0])
RATE, WARM, AVERAGE = 2e-3, 200, 0.998
# Share of a batch that is drawn by loss, and the step from which on it is.
HARD, EASY = 0.4, 6000
# A block of letters with more cells than this weighs little more than one with so many.
CELLS, LEAST = 48, 0.12
# Exponent that lowers the weight of letters which the network does not see at all: often nobody
# does, and they would teach it to see letters everywhere.
DOUBT = 0.2


def log_likelihood(logits, cells):
    """Returns the log likelihood of each cell's class, and the class with unknown ones as 0."""
    text, marker = logits[:, 0], logits[:, 1]
    no_text, no_marker = logsigmoid(-text), logsigmoid(-marker)
    none = no_text + no_marker
    found = torch.log1p(-torch.exp(none.clamp(max=-1e-6)))
    each = torch.stack([none, logsigmoid(text) + no_marker, logsigmoid(marker) + no_text, found])
    known = torch.where(cells == sheet.UNKNOWN, 0, cells).long()
    return each.gather(0, known[None])[0], known


def shares(cells: np.ndarray) -> np.ndarray:
    """Returns the weight of each cell by the size of the block of letters that it is in."""
    labels, count = ndimage.label((cells > 0) & (cells != sheet.UNKNOWN), np.ones((3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    weights = np.clip(CELLS / np.maximum(sizes, 1), LEAST, 1)
    weights[0] = 1
    return weights[labels].astype(np.float32)


def losses(logits, cells, share):
    """Returns the focal loss of each crop."""
    likely, known = log_likelihood(logits.float(), cells)
    chance = torch.exp(likely.detach())
    doubt = torch.where(known > 0, chance.clamp(min=1e-3) ** DOUBT, 1.0)
    weight = WEIGHTS[known] * (cells != sheet.UNKNOWN) * (1 - chance) * doubt * share
    return -(weight * likely).sum((1, 2)) / cells[0].numel() * 10


def imitation(logits, told):
    """Returns how far each crop's map is from the teacher's; text weighs more than background."""
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, told, reduction="none")
    # Without the teacher's own entropy, so that agreement is 0.
    own = torch.special.entr(told) + torch.special.entr(1 - told)
    return ((each - own) * (1 + 3 * told)).mean((1, 2, 3)) * 10


def look(model, levels: np.ndarray, cells: np.ndarray) -> dict:
    """Returns the loss, the text found at 0.6 and the background touched there."""
    model.eval()
    total, found, touched = [], np.zeros(2), np.zeros(2)
    with torch.no_grad():
        for at in range(0, len(levels), BATCH):
            x = torch.from_numpy(levels[at : at + BATCH].astype(np.float32))[:, None]
            known = torch.from_numpy(cells[at : at + BATCH])
            logits = model(x)
            share = torch.from_numpy(np.stack([shares(c) for c in cells[at : at + BATCH]]))
            total += losses(logits, known, share).tolist()
            text = torch.sigmoid(logits[:, 0]).numpy() >= 0.6
            kinds = known.numpy()
            for kind, sums in ((sheet.TEXT, found), (0, touched)):
                sums += [text[kinds == kind].sum(), (kinds == kind).sum()]
    return {
        "aside": round(float(np.mean(total)), 4),
        "found": round(float(found[0] / found[1]), 4),
        "touched": round(float(touched[0] / touched[1]), 5),
    }


class Pool:
    """Shards of crops on disk. Crops with a greater loss are drawn more often."""

    def __init__(self, folder: str, scenes):
        self.folder, self.scenes = folder, scenes
        os.makedirs(folder, exist_ok=True)
        self.levels, self.cells, self.loss = [], [], []
        for seed in sorted(int(f[:-4]) for f in os.listdir(folder) if f.endswith(".npy"))[-POOL:]:
            self._open(seed)

    def _open(self, seed: int) -> None:
        path = os.path.join(self.folder, f"{seed}")
        self.levels.append(np.load(path + ".npy", mmap_mode="r"))
        with np.load(path + ".npz") as file:
            self.cells.append(file["cells"])
        self.loss.append(np.full(SHARD, 3.0))

    def grow(self, seed: int) -> None:
        path = os.path.join(self.folder, f"{seed}")
        if not os.path.exists(path + ".npy"):
            levels, cells = self.scenes().shard(seed, SHARD)
            np.savez_compressed(path + ".npz", cells=cells)
            np.save(path + ".part.npy", levels)
            os.replace(path + ".part.npy", path + ".npy")
        self._open(seed)
        if len(self.levels) > POOL:
            old = self.levels.pop(0).filename
            os.remove(old), os.remove(old[:-1] + "z")
            self.cells.pop(0), self.loss.pop(0)

    def batch(self, rng, hard: float):
        """Draws a batch, a share of it by loss."""
        loss = np.concatenate(self.loss)
        chance = loss.clip(0.02, 2 * np.median(loss))
        chance = chance / chance.sum() * hard + (1 - hard) / len(chance)
        self.chosen = rng.choice(len(chance), BATCH, replace=False, p=chance)
        levels, cells, share = [], [], []
        for at in self.chosen:
            shard, index = divmod(int(at), SHARD)
            turn = int(rng.integers(4))
            low, high = (rng.uniform(0, 40), rng.uniform(215, 255)) if rng.random() < 0.5 else (0, 255)
            if rng.random() < 0.12:
                low, high = 255 - low, 255 - high
            tones = (low + np.arange(256) * ((high - low) / 255)).astype(np.float32)
            levels.append(tones[np.rot90(self.levels[shard][index], turn)])
            cells.append(np.rot90(self.cells[shard][index], turn))
            share.append(shares(cells[-1]))
        levels = torch.from_numpy(np.stack(levels))[:, None]
        levels = levels.contiguous(memory_format=torch.channels_last)
        return levels, torch.from_numpy(np.stack(cells)), torch.from_numpy(np.stack(share))

    def learned(self, each: np.ndarray) -> None:
        for at, value in zip(self.chosen, each):
            self.loss[at // SHARD][at % SHARD] = value


def scenes_of(args):
    """Returns a function that loads the backgrounds and fonts when they are first needed."""
    made = []

    def load():
        if not made:
            with open(os.path.join(HERE, "annotations.json")) as file:
                annotations = json.load(file)
            out = grounds.held_out(args.data)
            full = list(grounds.full_size(args.data, annotations, out).values())
            small = grounds.small(args.small, out, np.random.default_rng(0)) if args.small else []
            drawn = grounds.phantoms(args.phantoms) if args.phantoms else []
            made.append(crops.Scenes([full, small, drawn], fonts.Fonts(args.fonts)))
        return made[0]

    return load


def started(plan: str, teacher: torch.nn.Module | None) -> torch.nn.Module:
    """Returns the network of a plan: from its checkpoint, or else untrained but for the layers that
    the detector takes from its teacher.
    """
    module, checkpoint = PLANS[plan]
    if os.path.exists(checkpoint):
        return module.load(checkpoint)
    if plan == "detector" and teacher:
        return detector.from_wide(teacher)
    return module.Detector()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder with X-rays at full size")
    parser.add_argument("--small", help="folder with X-rays of 224 px")
    parser.add_argument("--phantoms", help="output folder of `xray make-images`")
    parser.add_argument("--fonts", required=True, help="folder of install-fonts")
    parser.add_argument("--work", required=True, help="folder for crops and checkpoints")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cool", type=int, default=0, help="last steps, with a falling rate")
    parser.add_argument("--rate", type=float, default=RATE, help="a lower one for a second cooling")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--plan", choices=PLANS, default="detector")
    parser.add_argument("--teacher", help="checkpoint of the wide plan, whose maps are imitated")
    parser.add_argument("--publish", help="compact checkpoint to write; by default the plan's own")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    os.makedirs(args.work, exist_ok=True)
    last = os.path.join(args.work, "last.pt")

    scenes = scenes_of(args)
    aside = scenes().shard(ASIDE, SHARD)
    teacher = wide.load(args.teacher).to(memory_format=torch.channels_last) if args.teacher else None
    model = started(args.plan, teacher)
    model.train()
    descent = Descent(model, AVERAGE)
    optimizer, average = descent.optimizer, descent.average
    step, spent = 0, 0.0
    if os.path.exists(last):
        kept = torch.load(last, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        average.load_state_dict(kept["average"])
        step, spent = kept["step"], kept["spent"]
    model.to(memory_format=torch.channels_last)
    pool, start, cooled = Pool(os.path.join(args.work, "crops"), scenes), time.time(), 0
    rng = np.random.default_rng(step)
    while time.time() - start < args.minutes * 60 and not (args.cool and cooled >= args.cool):
        clock, total = time.process_time(), []
        pool.grow(step)
        for _ in range(STEPS):
            levels, cells, share = pool.batch(rng, HARD * min(1, step / EASY))
            with torch.autocast("cpu", torch.bfloat16, enabled=FAST):
                logits = model(levels)
                if teacher:
                    with torch.no_grad():
                        told = torch.sigmoid(teacher(levels).float())
            each = losses(logits, cells, share)
            if teacher:
                each = each + imitation(logits.float(), told)
            loss = each.mean()
            rate = args.rate * min(1, (step + 1) / WARM)
            if args.cool:
                rate *= max(0.0, 1 - cooled / args.cool)
                cooled += 1
            descent.step(loss, rate)
            pool.learned(each.detach().numpy())
            total.append(float(loss.detach()))
            step += 1
        spent += time.process_time() - clock
        state = {
            "model": model.state_dict(), "optimizer": optimizer.state_dict(),
            "average": average.state_dict(), "step": step, "spent": spent,
        }  # fmt: skip
        keep(state, last)
        layers.save(average.module, args.publish or PLANS[args.plan][1])
        line = {"step": step, "loss": round(float(np.mean(total)), 4), "cpu_s": round(spent)}
        if step % LOOKS < STEPS:
            line |= look(average.module, *aside)
        with open(os.path.join(args.work, "curve.jsonl"), "a") as file:
            file.write(json.dumps(line) + "\n")
        print(line, flush=True)


if __name__ == "__main__":
    main()

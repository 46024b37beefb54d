"""Trains the network, with a checkpoint after each epoch, so that an interrupted run resumes."""

import math
import os
import time

import torch
import torch.nn.functional as F

import augment
import batches
from network import Classifier

# Weights of the other losses, relative to that of the risk.
CONSISTENCY, VIEW = 2.0, 0.3
SMOOTHING = 0.08
# Weight of a teacher's risks beside the labels.
TAUGHT = 0.6
RATE, DECAY, AVERAGE = 2e-3, 2e-2, 0.996


def losses(model, levels, ill, balance: float, teacher=None):
    """Returns the losses of a batch: risk, consistency between a chest with and without text, view.

    `balance` is the weight of normal images: three in four of the set show pneumonia. The risks of
    `teacher`, if there is one, are part of the target.
    """
    # The chests that are repeated with text have the labels of the first ones.
    ill = torch.cat([ill, ill[: batches.AGAIN]])
    chests = len(ill)
    weight = torch.where(ill > 0.5, 1.0, balance)
    with torch.autocast("cpu", torch.bfloat16):
        risk, view, _ = model(levels.contiguous(memory_format=torch.channels_last))
    risk, view = risk.float(), view.float()
    target = ill * (1 - SMOOTHING) + SMOOTHING / 2
    if teacher:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            taught = torch.sigmoid(teacher(levels[: batches.CHESTS])[0].float())
        taught = torch.cat([taught, taught[: batches.AGAIN]])
        target = target + TAUGHT * (taught - target)
    each = F.binary_cross_entropy_with_logits(risk[:chests], target, reduction="none")
    clean, written = risk[: batches.AGAIN], risk[batches.CHESTS : chests]
    # In probabilities, which people read, and in logits, which keep a gradient where the
    # probabilities saturate.
    change = (torch.sigmoid(clean) - torch.sigmoid(written)) ** 2 + 0.02 * (clean - written) ** 2
    return (
        (each * weight).sum() / weight.sum(),
        change.mean(),
        F.cross_entropy(view, batches.views()),
    )


def compact(state: dict) -> dict:
    """Returns a checkpoint in half precision and without the optimizer, small enough to commit."""

    def half(weights):
        return {k: v.half() if v.dtype == torch.float32 else v for k, v in weights.items()}

    return {
        "model": half(state["model"]),
        "average": half(state["average"]),
        "epoch": state["epoch"],
    }


def averaged(paths: list[str], network=Classifier):
    """Returns the network whose weights are the means of those of compact checkpoints.

    They come from one checkpoint, or their mean is of no use.
    """
    states = [torch.load(path, weights_only=True)["average"] for path in paths]
    mean = {
        name: sum(state[name].float() for state in states) / len(states)
        if weights.dtype.is_floating_point
        else weights
        for name, weights in states[0].items()
    }
    model = network()
    model.load_state_dict(mean)
    return model.eval()


def fit(
    data,
    epochs: int,
    seed: int,
    work: str,
    watch=None,
    start=None,
    restart=False,
    network=Classifier,
    rate=RATE,
    teacher=None,
):
    """Trains on `data` (`batches.Batches`) for `epochs` passes and returns the averaged network.

    Checkpoints go to `work`, in full and compact. Without one there, training continues from the
    compact checkpoint `start`, if given; with `restart` from its averaged weights, at the full rate
    and epoch 0. `watch` is called with the averaged network after each epoch. `network` is the
    class to train, and `teacher` an optional trained network for `losses`.
    """
    os.makedirs(work, exist_ok=True)
    path = os.path.join(work, "checkpoint.pt")
    augment.seed(seed)
    model = network().to(memory_format=torch.channels_last)
    average = network()
    average.load_state_dict(model.state_dict())
    steps = len(data.labels) // batches.CHESTS
    total, warm = epochs * steps, max(1, epochs * steps // 20)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda i: min(i / warm, 0.5 + 0.5 * math.cos(math.pi * min(1.0, i / total))) + 1e-3,
    )
    done = 0
    if os.path.exists(path) or start:
        state = torch.load(path if os.path.exists(path) else start, weights_only=True)
        if restart and "optimizer" not in state:
            state = {"model": state["average"], "average": state["average"], "epoch": 0}
        # Copies into the weights convert from half precision.
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        done = state["epoch"]
        if "optimizer" in state:
            optimizer.load_state_dict(state["optimizer"])
            schedule.load_state_dict(state["schedule"])
        else:
            schedule.last_epoch = done * steps
    balance = float(data.labels.sum() / (1 - data.labels).sum())
    for epoch in range(done, epochs):
        augment.seed(seed * 1000 + epoch)
        model.train()
        began, sums = time.time(), torch.zeros(3)
        for levels, ill in data.epoch():
            parts = losses(model, levels, ill, balance, teacher)
            (parts[0] + CONSISTENCY * parts[1] + VIEW * parts[2]).backward()
            torch.nn.utils.clip_grad_norm_(trained, 2.0)
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
            sums += torch.stack([p.detach() for p in parts]) / steps
            with torch.no_grad():
                taken = schedule.last_epoch
                momentum = min(AVERAGE, taken / (taken + 20))
                for a, b in zip(average.state_dict().values(), model.state_dict().values()):
                    if a.dtype.is_floating_point:
                        a.lerp_(b, 1 - momentum)
        state = {
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": epoch + 1,
        }
        torch.save(state, path + ".part")
        os.replace(path + ".part", path)
        torch.save(compact(state), os.path.join(work, "compact.pt"))
        print(
            f"epoch {epoch + 1}/{epochs}: risk {sums[0]:.4f}, consistency {sums[1]:.4f},"
            f" view {sums[2]:.4f}; {time.time() - began:.0f} s",
            flush=True,
        )
        if watch:
            watch(average.eval())
    return average.eval()

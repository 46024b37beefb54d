"""Builds training batches: chests, chests with text over them, and other images."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

import augment
from network import SIDE

# Per batch: chests, how many of them are repeated with text over them, inverted chests, other
# images.
CHESTS, AGAIN, INVERTED, OTHER = 32, 8, 2, 4


class Batches:
    """Draws batches of levels (46, 1, SIDE, SIDE) and labels (32,).

    A batch holds 32 chests, the first 8 of them again with text, then 2 inverted and 4 other
    images. Of the 32, the first 8 never carry text and the rest often do.
    `leans` are those of `augment.windows`. Without them images are not trimmed and keep their
    sharpness and grain.
    """

    def __init__(self, pictures, labels, overlays, others, leans=None):
        self.pictures, self.overlays, self.others = (
            torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
            for x in (pictures, overlays, others)
        )
        self.labels = torch.from_numpy(labels)
        self.leans = None if leans is None else torch.from_numpy(leans.astype(np.float32))
        if leans is not None:
            parts = self.pictures.split(64)
            self.power = torch.cat([augment.power(part.float() / 255) for part in parts])
            # Both classes give their sharpness and grain equally often.
            self.sources = [torch.nonzero(self.leans == lean).flatten() for lean in (1, -1)]

    def epoch(self):
        """Yields the batches of a pass; the next one is made while the last is learned."""
        chests = torch.randperm(len(self.labels)).split(CHESTS)[: len(self.labels) // CHESTS]
        with ThreadPoolExecutor(1) as pool:
            coming = pool.submit(self.batch, chests[0])
            for following in (*chests[1:], None):
                batch = coming.result()
                if following is not None:
                    coming = pool.submit(self.batch, following)
                yield batch

    def batch(self, chests):
        labels = self.labels[chests]
        written = self.overlays[torch.randint(len(self.overlays), (CHESTS,))]
        x, part = self.pictures[chests].float() / 255, None
        if self.leans is not None:
            part = augment.windows(self.leans[chests])
            draws = [s[torch.randint(len(s), (CHESTS,))] for s in self.sources]
            source = torch.where(torch.rand(CHESTS) < 0.5, *draws)
            x = augment.exchange(x, self.power[chests], self.power[source])
        x = augment.affine(augment.collimate(x), SIDE, part)
        x = augment.recompress(x)
        again = augment.overlay_text(x[:AGAIN], written[:AGAIN])
        text = torch.rand(CHESTS - AGAIN, 1, 1, 1) < 0.4
        last = torch.where(text, augment.overlay_text(x[AGAIN:], written[AGAIN:]), x[AGAIN:])
        others = self.others[torch.randint(len(self.others), (OTHER,))].float() / 255
        others = augment.affine(others, SIDE, zoom=0.3)
        # Side by side, so that both images of a pair share one draw of brightness and sharpness
        # and differ by the text only.
        pair = augment.photometric(torch.cat([x[:AGAIN], again], 3))
        first, second = pair.chunk(2, 3)
        rest = augment.photometric(torch.cat([last, 1 - last[:INVERTED], others]))
        split = CHESTS - AGAIN
        return torch.cat([first, rest[:split], second, rest[split:]]), labels


def views() -> torch.Tensor:
    """Returns the view of each row of a batch, as an index into `network.VIEWS`."""
    return torch.tensor([0] * (CHESTS + AGAIN) + [1] * INVERTED + [2] * OTHER)

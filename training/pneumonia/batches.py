"""Builds training batches: chests, chests with text over them, and other images."""

import numpy as np
import tensorflow as tf

import augment

# Per batch: chests, how many of them are repeated with text over them, inverted chests, other
# images.
CHESTS, AGAIN, INVERTED, OTHER = 16, 8, 2, 4


def endless(n: int, seed: int):
    return tf.data.Dataset.range(n).shuffle(n, seed=seed, reshuffle_each_iteration=True).repeat()


def batches(pictures, labels, overlays, others, seed: int):
    """Returns an endless dataset of (levels (30, SIDE, SIDE, 1), labels (16,)).

    A batch holds 16 chests, the first 8 of them again with text, then 2 inverted and 4 other
    images. Of the 16, the first 8 never carry text and the last 8 often do.
    """
    pictures, overlays, others = (tf.constant(x) for x in (pictures, overlays, others))
    labels = tf.constant(labels)

    def make(chest, over, other):
        x = tf.cast(tf.gather(pictures, chest), tf.float32) / 255
        written = tf.gather(overlays, over)
        x = augment.recompress(augment.affine(augment.collimate(x)))
        again = augment.overlay_text(x[:AGAIN], written[:AGAIN])
        last = tf.where(
            tf.random.uniform((CHESTS - AGAIN, 1, 1, 1)) < 0.6,
            augment.overlay_text(x[AGAIN:], written[AGAIN:]),
            x[AGAIN:],
        )
        others_now = augment.affine(tf.cast(tf.gather(others, other), tf.float32) / 255, zoom=0.3)
        inverted = 1 - last[:INVERTED]
        # Side by side, so that both images of a pair share one draw of brightness and sharpness
        # and differ by the text only.
        first, second = tf.split(augment.photometric(tf.concat([x[:AGAIN], again], 2)), 2, axis=2)
        rest = augment.photometric(tf.concat([last, inverted, others_now], 0))
        levels = tf.concat([first, rest[: CHESTS - AGAIN], second, rest[CHESTS - AGAIN :]], 0)
        return augment.to_input_size(levels), tf.gather(labels, chest)

    chest = endless(len(labels), seed).batch(CHESTS)
    over = endless(len(overlays), seed + 1).batch(CHESTS)
    other = endless(len(others), seed + 2).batch(OTHER)
    return tf.data.Dataset.zip(chest, over, other).map(make, num_parallel_calls=2).prefetch(4)


def views() -> np.ndarray:
    """Returns the view of each row of a batch, as an index into `network.VIEWS`."""
    return np.array([0] * (CHESTS + AGAIN) + [1] * INVERTED + [2] * OTHER)

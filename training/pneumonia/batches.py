"""Makes training batches: chests, the same chests written on, and what is no chest the right way."""

import numpy as np
import tensorflow as tf

import augment

# Of a batch: chests, how many of them come a second time with writing on, inverted ones, other pictures.
CHESTS, AGAIN, INVERTED, OTHER = 16, 8, 2, 4


def endless(n: int, seed: int):
    return tf.data.Dataset.range(n).shuffle(n, seed=seed, reshuffle_each_iteration=True).repeat()


def batches(pictures, labels, overlays, others, seed: int):
    """Endless batches of (levels (30, SIDE, SIDE, 1), labels (16,)): 16 chests, the first 8 of them again under writing, then 2
    inverted and 4 others. Of the 16, the first 8 are never written on and the last 8 often."""
    pictures, overlays, others = (tf.constant(x) for x in (pictures, overlays, others))
    labels = tf.constant(labels)

    def make(chest, over, other):
        x = tf.cast(tf.gather(pictures, chest), tf.float32) / 255
        written = tf.gather(overlays, over)
        x = augment.recompressed(augment.affine(augment.collimated(x)))
        again = augment.written_on(x[:AGAIN], written[:AGAIN])
        last = tf.where(tf.random.uniform((CHESTS - AGAIN, 1, 1, 1)) < 0.6, augment.written_on(x[AGAIN:], written[AGAIN:]), x[AGAIN:])
        others_now = augment.affine(tf.cast(tf.gather(others, other), tf.float32) / 255, zoom=0.3)
        inverted = 1 - last[:INVERTED]
        # Side by side, so that both of a pair get one draw of brightness and sharpness: only the writing tells them apart.
        first, second = tf.split(augment.photometric(tf.concat([x[:AGAIN], again], 2)), 2, axis=2)
        rest = augment.photometric(tf.concat([last, inverted, others_now], 0))
        levels = tf.concat([first, rest[: CHESTS - AGAIN], second, rest[CHESTS - AGAIN :]], 0)
        return augment.small(levels), tf.gather(labels, chest)

    chest = endless(len(labels), seed).batch(CHESTS)
    over = endless(len(overlays), seed + 1).batch(CHESTS)
    other = endless(len(others), seed + 2).batch(OTHER)
    return tf.data.Dataset.zip(chest, over, other).map(make, num_parallel_calls=2).prefetch(4)


def views() -> np.ndarray:
    """The view of each row of a batch, as an index into network.VIEWS."""
    return np.array([0] * (CHESTS + AGAIN) + [1] * INVERTED + [2] * OTHER)

"""Augments images the way scanners, patients and operators vary them.

All functions work on batches (n, side, side, 1) of f32 gray levels from 0 to 1.
"""

import tensorflow as tf

from network import SIDE


def affine(x, rotation=0.12, zoom=0.2, shift=0.08):
    """Applies small rotations (radians), zooms per axis, shifts (fraction of a side) and mirroring.

    The area outside the image is black.
    """
    n, side = tf.shape(x)[0], tf.cast(tf.shape(x)[1], tf.float32)
    angle = tf.random.uniform((n,), -rotation, rotation)
    both = tf.exp(tf.random.uniform((n,), -zoom, zoom))
    across = both * tf.exp(tf.random.uniform((n,), -0.12, 0.12))
    flip = tf.where(tf.random.uniform((n,)) < 0.5, -1.0, 1.0)
    a, b = tf.cos(angle) * across * flip, -tf.sin(angle) * both
    c, d = tf.sin(angle) * across * flip, tf.cos(angle) * both
    middle = (side - 1) / 2
    move = tf.random.uniform((2, n), -shift, shift) * side
    zero = tf.zeros((n,))
    rows = tf.stack(
        [
            a,
            b,
            middle - a * middle - b * middle + move[0],
            c,
            d,
            middle - c * middle - d * middle + move[1],
            zero,
            zero,
        ],
        1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x,
        transforms=rows,
        output_shape=tf.shape(x)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def sometimes(n, share, low, high, otherwise):
    """Returns (n, 1, 1, 1) values: uniform for a share of the batch, `otherwise` for the rest."""
    value = tf.random.uniform((n, 1, 1, 1), low, high)
    return tf.where(tf.random.uniform((n, 1, 1, 1)) < share, value, otherwise)


def collimate(x):
    """Adds black borders, as a collimator leaves them."""
    n, side = tf.shape(x)[0], tf.shape(x)[1]
    at = tf.linspace(0.0, 1.0, side)
    cut = [sometimes(n, 0.12, 0.0, 0.09, 0.0)[:, 0, 0, 0][:, None] for _ in range(4)]
    rows = tf.cast((at[None] >= cut[0]) & (at[None] <= 1 - cut[1]), tf.float32)
    columns = tf.cast((at[None] >= cut[2]) & (at[None] <= 1 - cut[3]), tf.float32)
    return x * rows[:, :, None, None] * columns[:, None, :, None]


def tone(x):
    """Applies tone curves as different manufacturers do.

    A sigmoid of random steepness and position compresses shadows and highlights.
    """
    n = tf.shape(x)[0]
    steep, middle = (
        tf.random.uniform((n, 1, 1, 1), 2.0, 9.0),
        tf.random.uniform((n, 1, 1, 1), 0.15, 0.75),
    )
    low, high = tf.sigmoid(-steep * middle), tf.sigmoid(steep * (1 - middle))
    curve = (tf.sigmoid(steep * (x - middle)) - low) / (high - low)
    return x + (curve - x) * sometimes(n, 0.5, 0.0, 1.0, 0.0)


def expose(x):
    """Brightens towards the head or the feet, as with a tube that was not centered."""
    n, side = tf.shape(x)[0], tf.shape(x)[1]
    down = tf.linspace(-1.0, 1.0, side)[None, :, None, None] * sometimes(n, 0.4, -0.2, 0.2, 0.0)
    return tf.clip_by_value(x * (1 + down), 0.0, 1.0)


def photometric(x):
    """Varies sharpness, tone, exposure, contrast, brightness and grain."""
    n = tf.shape(x)[0]
    kernel = tf.reshape(
        tf.tensordot([1.0, 4.0, 6.0, 4.0, 1.0], [1.0, 4.0, 6.0, 4.0, 1.0], 0) / 256, (5, 5, 1, 1)
    )
    soft = tf.nn.conv2d(x, kernel, 1, "SAME")
    x = soft + (x - soft) * sometimes(n, 0.7, 0.0, 1.9, 1.0)
    x = tf.clip_by_value(x, 0.0, 1.0) ** tf.exp(sometimes(n, 0.7, -0.7, 0.6, 0.0))
    x = expose(tone(x))
    x = (
        (x - 0.5) * tf.exp(sometimes(n, 0.6, -0.5, 0.35, 0.0))
        + 0.5
        + sometimes(n, 0.6, -0.15, 0.15, 0.0)
    )
    x = tf.clip_by_value(x, 0.0, 1.0)
    return tf.clip_by_value(
        x + tf.random.normal(tf.shape(x)) * sometimes(n, 0.3, 0.0, 0.04, 0.0), 0.0, 1.0
    )


def recompress(x):
    """Compresses three in ten images as JPEG of quality 40 to 95."""

    def compress(picture):
        levels = tf.cast(picture * 255 + 0.5, tf.uint8)
        return (
            tf.cast(
                tf.image.adjust_jpeg_quality(levels, tf.random.uniform((), 40, 96, tf.int32)),
                tf.float32,
            )
            / 255
        )

    def maybe(picture):
        return tf.cond(tf.random.uniform(()) < 0.3, lambda: compress(picture), lambda: picture)

    return tf.map_fn(maybe, x, fn_output_signature=tf.float32)


def overlay_text(x, overlay):
    """Composites overlays (n, side, side, 2), uint8, over the images."""
    level, cover = tf.split(tf.cast(overlay, tf.float32) / 255, 2, axis=-1)
    return x * (1 - cover) + level * cover


def to_input_size(x):
    """Resizes to the input size of the network."""
    return tf.image.resize(x, (SIDE, SIDE), antialias=True)

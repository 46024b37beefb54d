"""Varies pictures as scanners, children and people vary them. All on batches (n, side, side, 1), f32 levels 0 to 1."""

import tensorflow as tf

from network import SIDE


def affine(x, turn=0.12, zoom=0.2, shift=0.08):
    """Small turns (radians), zooms of each side, shifts (shares of a side) and mirroring; outside is black."""
    n, side = tf.shape(x)[0], tf.cast(tf.shape(x)[1], tf.float32)
    angle = tf.random.uniform((n,), -turn, turn)
    both = tf.exp(tf.random.uniform((n,), -zoom, zoom))
    across = both * tf.exp(tf.random.uniform((n,), -0.12, 0.12))
    flip = tf.where(tf.random.uniform((n,)) < 0.5, -1.0, 1.0)
    a, b = tf.cos(angle) * across * flip, -tf.sin(angle) * both
    c, d = tf.sin(angle) * across * flip, tf.cos(angle) * both
    middle = (side - 1) / 2
    move = tf.random.uniform((2, n), -shift, shift) * side
    zero = tf.zeros((n,))
    rows = tf.stack([a, b, middle - a * middle - b * middle + move[0], c, d, middle - c * middle - d * middle + move[1], zero, zero], 1)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=rows, output_shape=tf.shape(x)[1:3], fill_value=0.0, interpolation="BILINEAR", fill_mode="CONSTANT"
    )


def each(n, share, low, high, otherwise):
    """(n, 1, 1, 1): an even value for a share of the batch, `otherwise` for the rest."""
    value = tf.random.uniform((n, 1, 1, 1), low, high)
    return tf.where(tf.random.uniform((n, 1, 1, 1)) < share, value, otherwise)


def collimated(x):
    """Black borders, as from a collimator."""
    n, side = tf.shape(x)[0], tf.shape(x)[1]
    at = tf.linspace(0.0, 1.0, side)
    cut = [each(n, 0.12, 0.0, 0.09, 0.0)[:, 0, 0, 0][:, None] for _ in range(4)]
    rows = tf.cast((at[None] >= cut[0]) & (at[None] <= 1 - cut[1]), tf.float32)
    columns = tf.cast((at[None] >= cut[2]) & (at[None] <= 1 - cut[3]), tf.float32)
    return x * rows[:, :, None, None] * columns[:, None, :, None]


def toned(x):
    """Through tone curves as different makers have them: shadows and highlights pressed together by an S of any steepness and place."""
    n = tf.shape(x)[0]
    steep, middle = tf.random.uniform((n, 1, 1, 1), 2.0, 9.0), tf.random.uniform((n, 1, 1, 1), 0.15, 0.75)
    low, high = tf.sigmoid(-steep * middle), tf.sigmoid(steep * (1 - middle))
    curve = (tf.sigmoid(steep * (x - middle)) - low) / (high - low)
    return x + (curve - x) * each(n, 0.5, 0.0, 1.0, 0.0)


def exposed(x):
    """Brighter towards the head or the feet, as where the tube was not over the middle."""
    n, side = tf.shape(x)[0], tf.shape(x)[1]
    down = tf.linspace(-1.0, 1.0, side)[None, :, None, None] * each(n, 0.4, -0.2, 0.2, 0.0)
    return tf.clip_by_value(x * (1 + down), 0.0, 1.0)


def photometric(x):
    """Sharpness, tone, exposure, contrast, brightness and grain."""
    n = tf.shape(x)[0]
    kernel = tf.reshape(tf.tensordot([1.0, 4.0, 6.0, 4.0, 1.0], [1.0, 4.0, 6.0, 4.0, 1.0], 0) / 256, (5, 5, 1, 1))
    soft = tf.nn.conv2d(x, kernel, 1, "SAME")
    x = soft + (x - soft) * each(n, 0.7, 0.0, 1.9, 1.0)
    x = tf.clip_by_value(x, 0.0, 1.0) ** tf.exp(each(n, 0.7, -0.7, 0.6, 0.0))
    x = exposed(toned(x))
    x = (x - 0.5) * tf.exp(each(n, 0.6, -0.5, 0.35, 0.0)) + 0.5 + each(n, 0.6, -0.15, 0.15, 0.0)
    x = tf.clip_by_value(x, 0.0, 1.0)
    return tf.clip_by_value(x + tf.random.normal(tf.shape(x)) * each(n, 0.3, 0.0, 0.04, 0.0), 0.0, 1.0)


def recompressed(x):
    """Through a JPEG of quality 40 to 95, for three in ten."""

    def one(picture):
        levels = tf.cast(picture * 255 + 0.5, tf.uint8)
        return tf.cast(tf.image.adjust_jpeg_quality(levels, tf.random.uniform((), 40, 96, tf.int32)), tf.float32) / 255

    def maybe(picture):
        return tf.cond(tf.random.uniform(()) < 0.3, lambda: one(picture), lambda: picture)

    return tf.map_fn(maybe, x, fn_output_signature=tf.float32)


def written_on(x, overlay):
    """With overlays (n, side, side, 2) uint8 over the pictures."""
    level, cover = tf.split(tf.cast(overlay, tf.float32) / 255, 2, axis=-1)
    return x * (1 - cover) + level * cover


def small(x):
    """At the network's size."""
    return tf.image.resize(x, (SIDE, SIDE), antialias=True)

"""The detector: a fully convolutional network from grey levels to a map of what each 8 x 8 cell is part of."""

import keras
import tensorflow as tf

# Pixels of a cell's side, and of what the sides of an input must be a multiple of.
STRIDE, MULTIPLE = 8, 64
CLASSES = ("background", "text", "mark")
layers, ops = keras.layers, keras.ops


def convolution(x, channels: int, kernel: int = 3, stride: int = 1, activation: str | None = "relu"):
    # Strided kernels of their stride's size need no padding on one side only, which runtimes do in a pass of its own.
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(channels, kernel, strides=stride, padding=padding, use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation(activation)(x) if activation else x


def residual(x, channels: int):
    inner = convolution(convolution(x, channels), channels, activation=None)
    return layers.Activation("relu")(layers.Add()([x, inner]))


@keras.saving.register_keras_serializable("xray")
class Finer(layers.Layer):
    """Twice as many cells along each side, a quarter of the channels."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)


def network(stem=16, fine=32, middle=48, coarse=64, wide=32) -> keras.Model:
    """Levels 0 to 1, (n, H, W, 1), to logits of CLASSES, (n, H / STRIDE, W / STRIDE, 3)."""
    levels = keras.Input((None, None, 1))
    # The first responses are squeezed, so that writing twelve levels above its ground counts as that of two hundred.
    x = layers.Conv2D(stem, 6, strides=4, padding="same", use_bias=False, kernel_initializer="glorot_normal")(levels)
    x = layers.BatchNormalization(momentum=0.98)(x)
    x = layers.Activation("tanh")(x)
    eighth = convolution(convolution(x, fine, 2, 2), fine)
    x = convolution(eighth, middle, 2, 2)
    sixteenth = residual(x, middle)
    x = convolution(sixteenth, coarse, 2, 2)
    thirtysecond = residual(x, coarse)
    # Wide enough to see that a large letter stands alone.
    x = convolution(thirtysecond, wide, 2, 2)
    x = residual(x, wide)
    x = Finer()(convolution(x, 4 * coarse, 1))
    x = layers.Add()([x, thirtysecond])
    x = Finer()(convolution(x, 4 * middle, 1))
    x = layers.Add()([x, sixteenth])
    x = convolution(x, middle)
    x = Finer()(convolution(x, 4 * fine, 1))
    x = layers.Add()([x, eighth])
    x = convolution(x, fine, 1)
    return keras.Model(levels, layers.Conv2D(len(CLASSES), 1)(x), name="text")

"""The detector: a fully convolutional network from gray levels to the class of each 8 x 8 cell."""

import keras
import tensorflow as tf

# Side of a cell in pixels, and the number that the sides of an input are multiples of.
STRIDE, MULTIPLE = 8, 64
CLASSES = ("background", "text", "marker")
layers, ops = keras.layers, keras.ops


def convolution(
    x, channels: int, kernel: int = 3, stride: int = 1, activation: str | None = "relu"
):
    # Strided kernels as large as their stride avoid asymmetric padding, for which runtimes need
    # an extra pass.
    padding = "same" if stride == 1 else "valid"
    x = layers.Conv2D(
        channels,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation(activation)(x) if activation else x


def residual(x, channels: int):
    inner = convolution(convolution(x, channels), channels, activation=None)
    return layers.Activation("relu")(layers.Add()([x, inner]))


@keras.saving.register_keras_serializable("xray")
class Upsample(layers.Layer):
    """Doubles the cells per side, with a quarter of the channels."""

    def call(self, x):
        return tf.nn.depth_to_space(x, 2)


def network(stem=16, fine=32, middle=48, coarse=64, wide=32) -> keras.Model:
    """Returns the network from levels (n, H, W, 1) to logits (n, H / STRIDE, W / STRIDE, 3).

    Levels are 0 to 1, logits in the order of CLASSES.
    """
    levels = keras.Input((None, None, 1))
    # tanh saturates the first responses, so that text 12 levels above its background counts
    # nearly as much as text 200 levels above it.
    x = layers.Conv2D(
        stem, 6, strides=4, padding="same", use_bias=False, kernel_initializer="glorot_normal"
    )(levels)
    x = layers.BatchNormalization(momentum=0.98)(x)
    x = layers.Activation("tanh")(x)
    eighth = convolution(convolution(x, fine, 2, 2), fine)
    x = convolution(eighth, middle, 2, 2)
    sixteenth = residual(x, middle)
    x = convolution(sixteenth, coarse, 2, 2)
    thirtysecond = residual(x, coarse)
    # Wide enough to recognize a large isolated letter.
    x = convolution(thirtysecond, wide, 2, 2)
    x = residual(x, wide)
    x = Upsample()(convolution(x, 4 * coarse, 1))
    x = layers.Add()([x, thirtysecond])
    x = Upsample()(convolution(x, 4 * middle, 1))
    x = layers.Add()([x, sixteenth])
    x = convolution(x, middle)
    x = Upsample()(convolution(x, 4 * fine, 1))
    x = layers.Add()([x, eighth])
    x = convolution(x, fine, 1)
    return keras.Model(levels, layers.Conv2D(len(CLASSES), 1)(x), name="text")

"""The network, and its exported form with calibration, feature distance and map in the graph."""

import keras
import numpy as np
import tensorflow as tf

SIDE = 160
# Cells of the last convolution along a side. The outermost ring, where collimation and text
# are, does not contribute to the risk.
CELLS, RING = 10, 1
NO_VOTE = -20.0
# The mean and standard deviation of the levels are taken inside this margin, for the same reason.
MARGIN = 16
VIEWS = ("chest", "inverted", "other")
ops, layers = keras.ops, keras.layers


@keras.saving.register_keras_serializable("xray")
class Standardize(layers.Layer):
    """Standardizes levels by the mean and the standard deviation of the center of the image.

    The output does not depend on brightness and contrast.
    """

    def call(self, x):
        middle = x[:, MARGIN:-MARGIN, MARGIN:-MARGIN, :]
        mean = ops.mean(middle, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(middle - mean), axis=(1, 2), keepdims=True)
        # The small term keeps a blank image blank instead of amplifying its noise.
        return (x - mean) / ops.sqrt(variance + 1e-3)


def convolution(x, channels: int, stride: int = 1, relu: bool = True):
    x = layers.Conv2D(
        channels, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation("relu")(x) if relu else x


def residual(x, channels: int):
    inner = convolution(convolution(x, channels), channels, relu=False)
    return layers.Activation("relu")(layers.Add()([x, inner]))


def backbone() -> keras.Model:
    """Returns the network from levels (n, SIDE, SIDE, 1) to features (n, CELLS, CELLS, c)."""
    levels = keras.Input((SIDE, SIDE, 1))
    x = Standardize()(levels)
    # Multiples of sixteen: with other counts ONNX Runtime takes 1.5 times as long.
    x = convolution(x, 16, 2)
    x = convolution(x, 48, 2)
    x = convolution(x, 64, 2)
    x = residual(x, 64)
    x = convolution(x, 128, 2)
    x = residual(x, 128)
    x = convolution(x, 128)
    return keras.Model(levels, x, name="backbone")


def pooled(features):
    """Returns the mean of the cells inside the ring, (n, c)."""
    return ops.mean(features[:, RING:-RING, RING:-RING, :], axis=(1, 2))


@keras.saving.register_keras_serializable("xray")
class Classifier(keras.Model):
    """A backbone with two heads: `risk` (one logit) and `view` (one logit per entry of VIEWS)."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone()
        self.drop = layers.Dropout(0.3)
        self.risk = layers.Dense(1, name="risk")
        self.view = layers.Dense(len(VIEWS), name="view")

    def build(self, shape=(None, SIDE, SIDE, 1)):
        channels = self.backbone.output_shape[-1]
        self.risk.build((None, channels))
        self.view.build((None, channels))
        self.built = True

    def call(self, levels, training=False):
        """Returns risk logits (n,), view logits (n, 3), features (n, c)."""
        features = pooled(self.backbone(levels, training=training))
        dropped = self.drop(features, training=training)
        return self.risk(dropped)[:, 0], self.view(dropped), features


def graph(model: Classifier, calibration, mean: np.ndarray, whitening: np.ndarray):
    """Returns the function that is exported, for a batch of one.

    Outputs:

    - `risk` (1, 1): calibrated, 0 to 1.
    - `view` (1, 3): probabilities of VIEWS.
    - `distance` (1, 1): root mean square distance of the features from those of the training
      chests,
      in standard deviations per dimension.
    - `map` (1, CELLS, CELLS): the calibrated logit of each cell alone. The logit of the risk is
      the
      mean of the cells inside the ring; the ring itself is at NO_VOTE.
    """
    slope, offset = (np.float32(v) for v in calibration)
    weight = model.risk.kernel.numpy() * slope
    bias = model.risk.bias.numpy() * slope + offset
    # An offset after the product, so that the graph contains the matrix only once.
    shift = (-mean @ whitening)[None].astype(np.float32)
    whitening = whitening.astype(np.float32)

    votes = np.pad(
        np.ones((1, CELLS - 2 * RING, CELLS - 2 * RING), np.float32),
        ((0, 0), (RING, RING), (RING, RING)),
    )

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="input")])
    def run(levels):
        features = model.backbone(levels, training=False)
        mean_features = tf.reduce_mean(features[:, RING:-RING, RING:-RING, :], (1, 2))
        risk = tf.sigmoid(tf.matmul(mean_features, weight) + bias)
        view = tf.nn.softmax(model.view(mean_features))
        white = tf.matmul(mean_features, whitening) + shift
        distance = tf.sqrt(tf.reduce_mean(white * white, 1, keepdims=True))
        cells = tf.reshape(
            tf.matmul(tf.reshape(features, (CELLS * CELLS, -1)), weight) + bias, (1, CELLS, CELLS)
        )
        cells = cells * votes + (1 - votes) * NO_VOTE
        return risk, view, distance, cells

    return run

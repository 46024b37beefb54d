"""The network, and the form in which it is exported: with calibration, the feature distance and the map in the graph."""

import keras
import numpy as np
import tensorflow as tf

SIDE = 160
# Cells of the last convolution along a side; the outermost ring, where collimation and writing are, has no vote.
CELLS, RING = 10, 1
NO_VOTE = -20.0
# The mean and spread of the levels are taken inside this margin, for the same reason.
MARGIN = 16
VIEWS = ("chest", "inverted", "other")
ops, layers = keras.ops, keras.layers


@keras.saving.register_keras_serializable("xray")
class Standardize(layers.Layer):
    """Levels with the mean and the spread of the picture's middle taken out: brightness and contrast change nothing."""

    def call(self, x):
        middle = x[:, MARGIN:-MARGIN, MARGIN:-MARGIN, :]
        mean = ops.mean(middle, axis=(1, 2), keepdims=True)
        variance = ops.mean(ops.square(middle - mean), axis=(1, 2), keepdims=True)
        # The small term keeps a blank page blank instead of blowing its grain up.
        return (x - mean) / ops.sqrt(variance + 1e-3)


def convolution(x, channels: int, stride: int = 1, relu: bool = True):
    x = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.98)(x)
    return layers.Activation("relu")(x) if relu else x


def residual(x, channels: int):
    inner = convolution(convolution(x, channels), channels, relu=False)
    return layers.Activation("relu")(layers.Add()([x, inner]))


def backbone() -> keras.Model:
    """Levels from 0 to 1, (n, SIDE, SIDE, 1), to features, (n, CELLS, CELLS, c)."""
    levels = keras.Input((SIDE, SIDE, 1))
    x = Standardize()(levels)
    # Multiples of sixteen: other counts make ONNX Runtime half as slow again.
    x = convolution(x, 16, 2)
    x = convolution(x, 48, 2)
    x = convolution(x, 64, 2)
    x = residual(x, 64)
    x = convolution(x, 128, 2)
    x = residual(x, 128)
    x = convolution(x, 128)
    return keras.Model(levels, x, name="backbone")


def pooled(features):
    """The mean of the cells inside the ring, (n, c)."""
    return ops.mean(features[:, RING:-RING, RING:-RING, :], axis=(1, 2))


@keras.saving.register_keras_serializable("xray")
class Classifier(keras.Model):
    """A backbone and two heads: `risk` (one logit) and `view` (three, see VIEWS)."""

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
    """The function that is exported, for a batch of one.

    Outputs: `risk` (1, 1), calibrated, 0 to 1; `view` (1, 3), shares of VIEWS; `distance` (1, 1), how far the features lie
    from those of training's chests, in standard deviations of a dimension (root mean square); `map` (1, CELLS, CELLS), the calibrated logit
    that each cell would give alone: the mean of those with a vote is the risk's logit, and those in the ring are at NO_VOTE.
    """
    slope, offset = (np.float32(v) for v in calibration)
    weight = model.risk.kernel.numpy() * slope
    bias = model.risk.bias.numpy() * slope + offset
    # As an offset after the product, so that the graph holds the matrix once.
    shift = (-mean @ whitening)[None].astype(np.float32)
    whitening = whitening.astype(np.float32)

    votes = np.pad(np.ones((1, CELLS - 2 * RING, CELLS - 2 * RING), np.float32), ((0, 0), (RING, RING), (RING, RING)))

    @tf.function(input_signature=[tf.TensorSpec((1, SIDE, SIDE, 1), tf.float32, name="input")])
    def run(levels):
        features = model.backbone(levels, training=False)
        mean_features = tf.reduce_mean(features[:, RING:-RING, RING:-RING, :], (1, 2))
        risk = tf.sigmoid(tf.matmul(mean_features, weight) + bias)
        view = tf.nn.softmax(model.view(mean_features))
        white = tf.matmul(mean_features, whitening) + shift
        distance = tf.sqrt(tf.reduce_mean(white * white, 1, keepdims=True))
        cells = tf.reshape(tf.matmul(tf.reshape(features, (CELLS * CELLS, -1)), weight) + bias, (1, CELLS, CELLS))
        cells = cells * votes + (1 - votes) * NO_VOTE
        return risk, view, distance, cells

    return run

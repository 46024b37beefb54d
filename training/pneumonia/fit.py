"""Trains the network, with a checkpoint after each epoch, so that an interrupted run resumes."""

import math
import os

import keras
import numpy as np
import tensorflow as tf

import batches
from network import Classifier

# Weights of the other losses, relative to that of the risk.
CONSISTENCY, VIEW = 2.0, 0.3
SMOOTHING = 0.05


class Trainer(Classifier):
    """The classifier with its losses.

    `balance` is the weight of normal images: three in four of the set show pneumonia.
    """

    def __init__(self, balance: float, **kwargs):
        super().__init__(**kwargs)
        self.balance = balance
        self.views = tf.constant(batches.views())
        self.means = {
            name: keras.metrics.Mean(name=name)
            for name in ("loss", "risk_loss", "consistency_loss", "view_loss", "accuracy")
        }
        self.build()

    @property
    def metrics(self):
        return list(self.means.values())

    def train_step(self, data):
        levels, ill = data
        # The chests that are repeated with text have the labels of the first ones.
        ill = tf.concat([ill, ill[: batches.AGAIN]], 0)
        chests = batches.CHESTS + batches.AGAIN
        weight = tf.where(ill > 0.5, 1.0, self.balance)
        with tf.GradientTape() as tape:
            risk, view, _ = self(levels, training=True)
            target = ill * (1 - SMOOTHING) + SMOOTHING / 2
            each = tf.nn.sigmoid_cross_entropy_with_logits(target, risk[:chests])
            risk_loss = tf.reduce_sum(each * weight) / tf.reduce_sum(weight)
            clean, written = risk[: batches.AGAIN], risk[batches.CHESTS : chests]
            # In probabilities, which people read, and in logits, which keep a gradient where the
            # probabilities saturate.
            consistency_loss = tf.reduce_mean(
                tf.square(tf.sigmoid(clean) - tf.sigmoid(written))
                + 0.02 * tf.square(clean - written)
            )
            view_loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(self.views, view)
            )
            loss = risk_loss + CONSISTENCY * consistency_loss + VIEW * view_loss
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        correct = tf.reduce_mean(tf.cast((risk[:chests] > 0) == (ill > 0.5), tf.float32))
        for name, value in zip(self.means, (loss, risk_loss, consistency_loss, view_loss, correct)):
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}


def fit(data, labels: np.ndarray, epochs: int, seed: int, work: str) -> Trainer:
    """Trains on `data`, a dataset from `batches.batches`, for `epochs` passes over `labels`.

    Checkpoints go to `work`.
    """
    steps = math.ceil(len(labels) / batches.CHESTS)
    model = Trainer(balance=float(labels.sum() / (1 - labels).sum()))
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, epochs * steps, warmup_target=2e-3, warmup_steps=epochs * steps // 20
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=2e-2, clipnorm=2.0, use_ema=True, ema_momentum=0.998
    )
    model.compile(optimizer, jit_compile=False)
    backup = keras.callbacks.BackupAndRestore(
        os.path.join(work, "checkpoint"), delete_checkpoint=False
    )
    model.fit(data, epochs=epochs, steps_per_epoch=steps, callbacks=[backup], verbose=2)
    # The exported weights are the moving average.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model

"""Trains the network: one epoch after another, each kept, so that a run that was stopped goes on where it was."""

import math
import os

import keras
import numpy as np
import tensorflow as tf

import batches as b
from network import Classifier

# How much the other aims weigh against telling ill from healthy.
SAME_SCORE, VIEW = 2.0, 0.3
SMOOTHING = 0.05


class Trainer(Classifier):
    """The classifier with its losses. `balance` weighs the healthy against the ill, who are three of four in the set."""

    def __init__(self, balance: float, **kwargs):
        super().__init__(**kwargs)
        self.balance = balance
        self.views = tf.constant(b.views())
        self.means = {name: keras.metrics.Mean(name=name) for name in ("loss", "risk_loss", "same_loss", "view_loss", "accuracy")}
        self.build()

    @property
    def metrics(self):
        return list(self.means.values())

    def train_step(self, data):
        levels, ill = data
        # The chests that come again under writing have the labels of the first ones.
        ill = tf.concat([ill, ill[: b.AGAIN]], 0)
        chests = b.CHESTS + b.AGAIN
        weight = tf.where(ill > 0.5, 1.0, self.balance)
        with tf.GradientTape() as tape:
            risk, view, _ = self(levels, training=True)
            wanted = ill * (1 - SMOOTHING) + SMOOTHING / 2
            each = tf.nn.sigmoid_cross_entropy_with_logits(wanted, risk[:chests])
            risk_loss = tf.reduce_sum(each * weight) / tf.reduce_sum(weight)
            clean, written = risk[: b.AGAIN], risk[b.CHESTS : chests]
            # Both in shares and in logits: shares are what people read, logits keep the pull where shares are flat.
            same_loss = tf.reduce_mean(tf.square(tf.sigmoid(clean) - tf.sigmoid(written)) + 0.02 * tf.square(clean - written))
            view_loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(self.views, view))
            loss = risk_loss + SAME_SCORE * same_loss + VIEW * view_loss
        weights = self.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        right = tf.reduce_mean(tf.cast((risk[:chests] > 0) == (ill > 0.5), tf.float32))
        for name, value in zip(self.means, (loss, risk_loss, same_loss, view_loss, right)):
            self.means[name].update_state(value)
        return {name: mean.result() for name, mean in self.means.items()}


def fit(data, labels: np.ndarray, epochs: int, seed: int, work: str) -> Trainer:
    """Trains on `data`, a dataset of batches.batches, for `epochs` passes over `labels`; checkpoints go to `work`."""
    steps = math.ceil(len(labels) / b.CHESTS)
    model = Trainer(balance=float(labels.sum() / (1 - labels).sum()))
    rate = keras.optimizers.schedules.CosineDecay(1e-5, epochs * steps, warmup_target=2e-3, warmup_steps=epochs * steps // 20)
    optimizer = keras.optimizers.AdamW(rate, weight_decay=2e-2, clipnorm=2.0, use_ema=True, ema_momentum=0.998)
    model.compile(optimizer, jit_compile=False)
    kept = keras.callbacks.BackupAndRestore(os.path.join(work, "checkpoint"), delete_checkpoint=False)
    model.fit(data, epochs=epochs, steps_per_epoch=steps, callbacks=[kept], verbose=2)
    # What is used is the moving average of the weights.
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model

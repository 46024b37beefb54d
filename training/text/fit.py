"""Trains on fresh crops, which other processes draw in parallel."""

import os
from concurrent.futures import ProcessPoolExecutor

import keras
import numpy as np
import tensorflow as tf

import crops
import network

BATCH, SHARD = 16, 480
# Nine in ten cells are background, and missed text is worse than a false detection.
WEIGHTS = (1.5, 3.0, 3.0)
# Exponent of the focal loss: correctly classified cells have the weight (1 - p) to this power.
FOCUS = 1.0


def focal_loss(logits, cells):
    """Returns the weighted focal cross entropy over the cells with a known class."""
    known = tf.cast(cells < 255, tf.float32)
    target = tf.where(cells < 255, cells, 0)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(target, logits)
    weight = tf.gather(tf.constant(WEIGHTS), target) * known * (1 - tf.exp(-each)) ** FOCUS
    return tf.reduce_sum(weight * each) / tf.reduce_sum(known)


class Source:
    """Shards of crops in the order of their seeds, drawn ahead in other processes."""

    def __init__(self, backgrounds, weights, seed: int, workers: int):
        global _given
        _given = (backgrounds, weights)
        self.pool, self.next, self.ahead = ProcessPoolExecutor(workers), seed, []
        self.workers = workers

    def take(self):
        while len(self.ahead) < self.workers + 1:
            self.ahead.append(self.pool.submit(_draw, self.next))
            self.next += 1
        return self.ahead.pop(0).result()


_given = None


def _draw(seed: int):
    return crops.shard(*_given, seed, SHARD)


def fit(backgrounds, weights, args) -> keras.Model:
    """Trains for `args.steps`, resuming from the last checkpoint in `args.work`."""
    source, steps = (
        Source(backgrounds, weights, 1_000_000 * (args.seed + 1), args.workers),
        args.steps,
    )
    # The processes are forked before TensorFlow starts threads.
    first = source.take()
    model = network.network()
    if args.weights:
        model.load_weights(args.weights)
    peak = 1e-3 if args.weights else 3e-3
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps, warmup_target=peak, warmup_steps=min(300, steps // 10)
    )
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=1e-2, clipnorm=2.0, use_ema=True, ema_momentum=0.998
    )
    optimizer.build(model.trainable_variables)
    kept = tf.train.CheckpointManager(
        tf.train.Checkpoint(model=model, optimizer=optimizer),
        os.path.join(args.work, "checkpoint"),
        max_to_keep=2,
    )
    if kept.latest_checkpoint:
        kept.checkpoint.restore(kept.latest_checkpoint)

    @tf.function(
        input_signature=[
            tf.TensorSpec((BATCH, crops.SIDE, crops.SIDE), tf.uint8),
            tf.TensorSpec((BATCH, None, None), tf.uint8),
        ]
    )
    def step(levels, cells):
        x = tf.cast(levels, tf.float32)[..., None] / 255
        with tf.GradientTape() as tape:
            loss = focal_loss(model(x, training=True), tf.cast(cells, tf.int32))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    done = int(optimizer.iterations.numpy())
    # A resumed run continues with seeds that the first one has not used.
    source.next += done * BATCH // SHARD
    rng = np.random.default_rng(done)
    while done < steps:
        levels, cells = first or source.take()
        first = None
        losses = []
        for part in np.array_split(rng.permutation(len(levels)), len(levels) // BATCH):
            losses.append(float(step(levels[part], cells[part])))
            done += 1
        print(f"step {done}/{steps} loss {np.mean(losses):.4f}", flush=True)
        if done // 150 > (done - len(losses)) // 150:
            kept.save()
    kept.save()
    source.pool.shutdown(cancel_futures=True)
    optimizer.finalize_variable_values(model.trainable_variables)
    return model

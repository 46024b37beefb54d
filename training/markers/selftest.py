"""Tests of the marker recognizer's windows, words and graph: python selftest.py"""

import tempfile
import unittest

import numpy as np
import torch

import prints
import publish
import recognizer
from recognizer import CLASSES, HEIGHT, WIDTH, window


class Windows(unittest.TestCase):
    def setUp(self):
        self.levels = np.full((200, 300), 40, np.uint8)
        self.levels[90:110, 140:160] = 90

    def test_ink_is_half_as_tall_as_its_window_and_stretched(self):
        cut = window(self.levels, (136, 86, 164, 114))
        self.assertEqual(cut.shape, (HEIGHT, WIDTH))
        self.assertEqual((cut[HEIGHT // 2, WIDTH // 2], cut[2, 2]), (255, 0))
        rows = np.flatnonzero(cut[:, WIDTH // 2] > 127)
        self.assertAlmostEqual(len(rows), HEIGHT / 2, delta=1)

    def test_bounds_are_tightened_to_dark_ink_too(self):
        levels = 255 - self.levels
        self.assertEqual(recognizer.tightened(levels, (128, 80, 168, 120)), (140, 90, 160, 110))
        flat = np.full((50, 50), 9, np.uint8)
        self.assertEqual(recognizer.tightened(flat, (8, 8, 24, 24)), (8, 8, 24, 24))

    def test_long_component_fits_into_the_width(self):
        levels = self.levels.copy()
        levels[95:105, 20:280] = 200  # its bounds have ground in them
        columns = np.flatnonzero(window(levels, (20, 85, 280, 115))[HEIGHT // 2] > 200)
        self.assertAlmostEqual(len(columns), WIDTH * recognizer.FILLED, delta=2)

    def test_last_pixels_are_repeated_beyond_the_picture(self):
        levels = self.levels.copy()
        levels[:, :4] = 160
        cut = window(levels, (0, 90, 20, 110))
        self.assertTrue((cut[:, : WIDTH // 2 - 4] == 255).all())

    def test_noise_is_not_stretched_to_print(self):
        levels = np.full((100, 100), 100, np.uint8)
        levels[40:60:2] = 102
        self.assertLess(window(levels, (40, 40, 60, 60)).max(), 40)


class Words(unittest.TestCase):
    def test_edits_and_initials_are_no_markers(self):
        rng = np.random.default_rng(3)
        for _ in range(3000):
            marker = str(rng.choice(prints.WORDS))
            self.assertNotIn(prints.edited(rng, marker), prints.WORDS)
            self.assertNotIn(prints.short(rng), prints.WORDS)

    def test_names_and_initials_are_no_classes(self):
        # LI and RE are names; other single letters are initials.
        for says in ("LI", "RE", "D", "G", "I", "E", "O"):
            self.assertNotIn(says, CLASSES)


class Graph(unittest.TestCase):
    def test_graph_computes_what_the_network_does(self):
        torch.manual_seed(1)
        model = recognizer.Recognizer()
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.uniform_(-0.3, 0.3), module.running_var.uniform_(0.5, 2)
        with tempfile.TemporaryDirectory() as folder:
            apart = publish.written(model.eval(), folder, {"upright": 0.99, "turned": 0.999})
        self.assertLess(apart, 1e-5)


if __name__ == "__main__":
    unittest.main()

"""Tests of the training generator, the network and the judge: python selftest.py FONTS UNSEEN"""

import json
import os
import sys

import numpy as np
import torch

import detector
import judge
import learn
import unseen
import wide
from scenes import canvas, crops, fonts, grounds, lookalikes, sheet


def no_font_of_a_kind_that_is_never_drawn(folder: str) -> None:
    for paths in fonts.index(folder).values():
        assert not [p for p in paths if fonts.NEVER.search(os.path.basename(p))]
    assert "georgian" not in fonts.LETTERS and "tamil" not in fonts.LETTERS
    for name in ("NotoSansTamil-Bold.ttf", "DSEG7Classic.ttf", "UnifrakturCook.ttf"):
        assert fonts.NEVER.search(name), name


def generator_shares_no_code_with_the_judge() -> None:
    scenes = os.path.dirname(fonts.__file__)
    for file in os.listdir(scenes):
        if file.endswith(".py"):
            with open(os.path.join(scenes, file)) as source:
                text = source.read()
            assert "import unseen" not in text and "import judge" not in text, file


def a_seed_gives_the_same_crops(folder: str) -> None:
    scenes = crops.Scenes([[], [], []], fonts.Fonts(folder))
    first, second = scenes.shard(3, 6), scenes.shard(3, 6)
    assert all((a == b).all() for a, b in zip(first, second))
    assert set(np.unique(first[1])) & {sheet.TEXT, sheet.MARKER, sheet.EITHER}


def drawn_text_has_the_least_contrast() -> None:
    rng = np.random.default_rng(1)
    for _ in range(2000):
        ground = float(rng.uniform(0, 255))
        level, share = canvas.level_on(rng, ground, 0.3)
        change = np.clip(ground + level, 0, 255) - ground if share is None else (level - ground) * share
        assert abs(change) >= canvas.MIN_CONTRAST - 0.01, (ground, level, share)


def invisible_text_does_not_count() -> None:
    rng = np.random.default_rng(0)
    ink = np.zeros((40, 40), bool)
    ink[10:30, 18:22] = True
    for noise, change, visible in ((0, 12, True), (0, 5, False), (18, 12, False), (12, 60, True)):
        before = 100 + rng.normal(0, noise, (40, 40))
        assert canvas.is_visible(before, before + change * ink, ink) == visible, (noise, change)


def loss_prefers_the_right_class() -> None:
    logits = torch.tensor([4.0, -4.0]).reshape(1, 2, 1, 1)
    one = torch.ones(1, 1, 1)
    loss = {
        c: float(learn.losses(logits, torch.full((1, 1, 1), c), one)[0]) for c in (0, 1, 2, 3, 255)
    }
    assert loss[sheet.TEXT] < loss[sheet.MARKER] and loss[sheet.TEXT] < loss[0]
    assert abs(loss[sheet.EITHER] - loss[sheet.TEXT]) < 0.05 and loss[sheet.UNKNOWN] == 0


def blocks_count_by_number_and_not_by_area() -> None:
    cells = np.zeros((64, 64), np.uint8)
    cells[2:4, 2:12], cells[20:60, 4:60], cells[60:63, 60:63] = sheet.TEXT, sheet.TEXT, sheet.UNKNOWN
    share = learn.shares(cells)
    assert share[0, 0] == 1 and share[3, 3] == 1 and share[61, 61] == 1
    assert share[30, 30] == np.float32(learn.LEAST)


def shadows_hide_wide_letters() -> None:
    before = np.repeat(np.linspace(0, 240, 60)[None], 60, axis=0)
    ink = np.zeros((60, 60), bool)
    ink[10:50, 20:35] = True
    for change, visible in ((9, False), (60, True)):
        assert canvas.is_visible(before, before + change * ink, ink) == visible, change


def graph_keeps_the_contract() -> None:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    levels = np.random.default_rng(0).integers(0, 256, (1, 1, 128, 256), dtype=np.uint8)
    for plan in (detector, wide):
        model = plan.Detector().eval()
        session = onnxruntime.InferenceSession(plan.to_onnx(model))
        found = session.run(["map"], {"input": levels})[0]
        assert found.shape == (1, 2, 16, 32) and (found >= 0).all() and (found <= 1).all()
        with torch.no_grad():
            expected = torch.sigmoid(model(torch.from_numpy(levels.astype(np.float32)))).numpy()
        assert np.abs(expected - found).max() < 1e-4


def detector_begins_with_its_teachers_pixels() -> None:
    teacher = wide.Detector()
    first = detector.from_wide(teacher).state_dict()["stem.conv.weight"]
    assert (first == teacher.state_dict()["stem.conv.weight"]).all()


def imitation_is_nothing_for_the_teacher_itself() -> None:
    logits = torch.tensor([2.0, -1.0]).reshape(1, 2, 1, 1)
    assert abs(float(learn.imitation(logits, torch.sigmoid(logits))[0])) < 1e-5
    assert float(learn.imitation(-logits, torch.sigmoid(logits))[0]) > 1


def lookalikes_are_no_text() -> None:
    rng = np.random.default_rng(5)
    for kind in lookalikes.KINDS:
        drawn = canvas.Canvas(np.full((512, 512), 90, np.float32), np.zeros((512, 512), np.uint8))
        for _ in range(20):
            lookalikes.draw(drawn, rng, kind)
        assert not drawn.classes.any() and (drawn.levels != 90).any(), kind


def contract_has_the_keys_of_the_shipped_one() -> None:
    path = os.path.join(os.path.dirname(__file__), "../../models/text/contract.json")
    with open(path) as file:
        shipped = json.load(file)
    written = detector.contract("", shipped["thresholds"])
    assert written.keys() == shipped.keys(), written.keys() ^ shipped.keys()
    for side in ("max_side", "min_side"):
        assert written[side] == shipped[side], side


def judge_counts_markers_as_misses() -> None:
    found = np.zeros((2, 8, 8), np.float32)
    found[0, 2:4, 1:7] = 0.9
    covered, markers = judge.covers((64, 64), found, 8, 1.0, 0.4, 0.6, 0.5)
    assert covered[16:32, 8:56].all() and not covered[48:].any() and markers == 0
    covered, markers = judge.covers((64, 64), found[::-1], 8, 1.0, 0.4, 0.6, 0.5)
    assert not covered.any() and markers == 1


def each_kind_is_drawn(folder: str) -> None:
    faces, rng = unseen.Faces(folder), np.random.default_rng(2)
    levels = np.full((900, 1200), 40, np.uint8)
    for kind in unseen.TRAINED + unseen.NEVER:
        made = [unseen.draw(kind, rng, faces, levels) for _ in range(12)]
        picture, ink = next(m for m in made if m)
        assert ink.sum() > 20 and (picture[ink] != 40).mean() > 0.5, kind


def main() -> None:
    trained, other = sys.argv[1:3]
    no_font_of_a_kind_that_is_never_drawn(trained)
    generator_shares_no_code_with_the_judge()
    a_seed_gives_the_same_crops(trained)
    drawn_text_has_the_least_contrast()
    invisible_text_does_not_count()
    shadows_hide_wide_letters()
    loss_prefers_the_right_class()
    blocks_count_by_number_and_not_by_area()
    graph_keeps_the_contract()
    detector_begins_with_its_teachers_pixels()
    imitation_is_nothing_for_the_teacher_itself()
    lookalikes_are_no_text()
    contract_has_the_keys_of_the_shipped_one()
    judge_counts_markers_as_misses()
    each_kind_is_drawn(other)
    assert grounds.SIDE % detector.MULTIPLE == 0
    print("selftest: ok")


if __name__ == "__main__":
    main()

"""Reads a picture: around known texts, rotated upright, by two readers, and as a whole."""

import numpy as np

import ocr
import ppocr
import template


def crops(truth: dict, picture: np.ndarray, which: list[int]) -> list[np.ndarray]:
    """Returns the variants to read of upright crops around the chosen texts, by block."""
    made = []
    for number in sorted({truth["texts"][i]["block"] for i in which}):
        inside = [truth["texts"][i] for i in which if truth["texts"][i]["block"] == number]
        boxes = np.array([t["box"] for t in inside])
        left, top = boxes[:, :2].min(0)
        right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(0)
        crop = template.around(
            picture, (left, top, right - left, bottom - top), max(8, inside[0]["size"] // 2)
        )
        crop = np.ascontiguousarray(np.rot90(crop, -inside[0]["rotated"] // 90))
        made += ocr.variants(crop, inside[0]["size"])
    return made


def read_at(truth: dict, picture: np.ndarray, which: list[int]) -> list[str]:
    """Returns what Tesseract reads at the chosen texts."""
    made = crops(truth, picture, which)
    return [
        ocr.lines(words) for words in ocr.read(made, ocr.languages(truth["patient"]["script"]), 6)
    ]


def lines_at(truth: dict, picture: np.ndarray, which: list[int]) -> list[str]:
    """Returns what PP-OCR reads at the true boxes of the chosen texts."""
    made = []
    for text in (truth["texts"][i] for i in which):
        crop = template.around(picture, text["box"], max(2, text["size"] // 6))
        crop = np.ascontiguousarray(np.rot90(crop, -text["rotated"] // 90))
        made += [ocr.stretch(crop), ocr.flatten(crop, text["size"])]
    return ppocr.read(made)


READERS = {"Tesseract": read_at, "PP-OCR": lines_at}


def read_whole(truth: dict, picture: np.ndarray) -> tuple[list[str], list[str]]:
    """Returns what Tesseract reads on the whole picture, at the texts and elsewhere."""
    rotation = next((t["rotated"] for t in truth["texts"]), 0)
    upright = np.ascontiguousarray(np.rot90(picture, -rotation // 90))
    flat = ocr.flatten(upright, 24)
    half = min(1.0, 900 / max(flat.shape))
    images = [ocr.stretch(upright), 255 - flat, 255 - ocr.scale(flat, half)]
    at_text, elsewhere = [], []
    for image, words in zip(
        images, ocr.read(images, ocr.languages(truth["patient"]["script"]), 11)
    ):
        factor = image.shape[1] / upright.shape[1]
        near = [w for w in words if _overlaps_text(w["box"], factor, rotation, truth)]
        at_text.append(ocr.lines(near))
        elsewhere.append(ocr.lines([w for w in words if w not in near]))
    return at_text, elsewhere


def _overlaps_text(box, factor: float, rotation: int, truth: dict) -> bool:
    """Reports whether a word read on the rotated and scaled picture overlaps any drawn text."""
    x, y, w, h = (v / factor for v in box)
    if rotation == 90:
        x, y, w, h = y, truth["height"] - x - w, h, w
    elif rotation == 270:
        x, y, w, h = truth["width"] - y - h, x, h, w
    return any(
        x < tx + tw and tx < x + w and y < ty + th and ty < y + h
        for tx, ty, tw, th in (t["box"] for t in truth["texts"])
    )

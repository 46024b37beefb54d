"""The figures of a run: goals, intervals and breakdowns, from what attack.py measured."""

import numpy as np

import measure
from attack import WHOLE

MARK_LOST = 0.05
SIZES = [(12, 16), (16, 24), (24, 40), (40, 60), (60, 999)]
CONTRASTS = [(0, 20), (20, 40), (40, 80), (80, 160), (160, 999)]
QUALITIES = [(50, 65), (65, 80), (80, 96)]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    if of == 0:
        return 0.0, 1.0
    z, p = 1.959964, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * np.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def resampled(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """The 95 % interval of a sum over a sum, by drawing whole pictures anew: pixels of one picture are not independent."""
    if not parts:
        return 0.0, 1.0
    pairs = np.array(parts, float)
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(1000):
        above, below = pairs[rng.integers(0, len(pairs), len(pairs))].sum(0)
        shares.append(above / max(below, 1e-12))
    return float(np.percentile(shares, 2.5)), float(np.percentile(shares, 97.5))


def leaks(case: dict) -> set[str]:
    """The ways in which something of the patient was found on a copy; drafts in quarantine are not attacked."""
    attack, whole = case.get("attack", {"ocr": [], "template": {}}), case.get("whole", {})
    ways = {f"OCR: {kind}" for kind in attack["ocr"]} | {f"OCR of the whole: {kind}" for kind in whole.get("ocr", [])}
    if max([*attack["template"].values(), whole.get("template", 0.0)], default=0.0) >= 1:
        ways.add("template")
    return ways


def cases(truths: list[dict], results: list[dict]) -> list[dict]:
    """Truth and result of each picture in one."""
    return [{"truth": t} | r for t, r in zip(truths, results, strict=True)]


def goals(all_cases: list[dict]) -> list[dict]:
    """The five goals with their figures."""
    copies = [c for c in all_cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]
    ink = [(sum(g for _, g in c["measure"]["texts"]), sum(p for p, _ in c["measure"]["texts"])) for c in texted]
    coverage = sum(g for g, _ in ink) / max(1, sum(p for _, p in ink))
    leaking = [c for c in texted if leaks(c)]
    kept = [share <= MARK_LOST for c in copies if not c["truth"]["patient"]["short_part"] for share in c["measure"]["marks"]]
    clear = [c for c in all_cases if c["status"] in ("anonymized", "quarantined") and not c["truth"]["texts"] and not c["truth"]["patient"]["short_part"]]
    redacted = [c for c in clear if c["status"] == "quarantined" or c["measure"]["outside_box"] > 0]
    beyond = [c["measure"]["beyond"] for c in copies]
    mean = float(np.mean(beyond)) if beyond else 0.0
    return [
        {"goal": "text-pixel coverage", "wanted": "at least 99.9 %", "value": coverage, "interval": resampled(ink), "of": len(texted), "met": bool(texted) and coverage >= 0.999},
        {"goal": "pictures with a leaked string", "wanted": "0", "value": len(leaking) / max(1, len(texted)), "interval": wilson(len(leaking), len(texted)), "count": len(leaking), "of": len(texted), "met": bool(texted) and not leaking},
        {"goal": "marks kept", "wanted": "at least 98 %", "value": sum(kept) / max(1, len(kept)), "interval": wilson(sum(kept), len(kept)), "count": sum(kept), "of": len(kept), "met": bool(kept) and sum(kept) >= 0.98 * len(kept)},
        {"goal": "text-free pictures redacted", "wanted": "at most 2 %", "value": len(redacted) / max(1, len(clear)), "interval": wilson(len(redacted), len(clear)), "count": len(redacted), "of": len(clear), "met": bool(clear) and len(redacted) <= 0.02 * len(clear)},
        {"goal": "area beyond the text, mean", "wanted": "at most 3 %", "value": mean, "interval": resampled([(b, 1) for b in beyond]), "of": len(beyond), "met": bool(beyond) and mean <= 0.03},
    ]


def more(all_cases: list[dict]) -> list[tuple[str, str]]:
    """What else is to be said, in order."""
    copies = [c for c in all_cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]
    boxes = [g >= WHOLE * p for c in texted for p, g in c["measure"]["texts"]]
    touched = [g > 0 for c in texted for _, g in c["measure"]["texts"]]
    on_purpose = [s <= MARK_LOST for c in copies if c["truth"]["patient"]["short_part"] for s in c["measure"]["marks"]]
    shown = [("texts wholly covered (99.9 % of the ink)", rate(sum(boxes), len(boxes))), ("texts touched", rate(sum(touched), len(touched)))]
    shown.append(("marks kept where a part of the name has one or two letters: there they go on purpose", rate(sum(on_purpose), len(on_purpose))))
    kinds = sorted({m["kind"] for c in copies for m in c["truth"]["marks"]})
    for kind in kinds:
        kept = [s <= MARK_LOST for c in copies if not c["truth"]["patient"]["short_part"] for m, s in zip(c["truth"]["marks"], c["measure"]["marks"]) if m["kind"] == kind]
        shown.append((f"marks kept: {kind}", rate(sum(kept), len(kept))))
    had = [s <= MARK_LOST for c in copies if not c["truth"]["patient"]["short_part"] for s in c["measure"]["there"]]
    shown.append(("marks kept: those that X-rays and phantoms had already", rate(sum(had), len(had))))
    beyond = [c["measure"]["beyond"] for c in copies]
    shown.append(("pictures with more than 3 % covered beyond the text", rate(sum(b > 0.03 for b in beyond), len(beyond))))
    blocks = [c["measure"]["beyond_blocks"] for c in copies]
    shown.append(("area beyond the blocks of text (what lies between lines is not counted), mean", f"{100 * float(np.mean(blocks or [0])):.2f} %"))
    shown.append(("area beyond the text, largest", f"{100 * max(beyond, default=0):.2f} %"))
    shown.append(("area covered on pictures without text, beside the configured box, mean", f"{100 * float(np.mean([c['measure']['outside_box'] for c in copies if not c['truth']['texts']] or [0])):.3f} %"))
    drafts = [c for c in all_cases if "draft" in c]
    needless = sum(all(g >= WHOLE * p for p, g in c["measure"]["texts"]) for c in drafts)
    shown.append(("quarantined", rate(sum(c["status"] == "quarantined" for c in all_cases), len(all_cases))))
    shown.append(("… of those that can be looked at: all text was covered", rate(needless, len(drafts))))
    return shown + how_sharp(all_cases, copies)


def how_sharp(all_cases: list[dict], copies: list[dict]) -> list[tuple[str, str]]:
    """What the attack finds where nothing was covered, and what it finds by chance."""
    control = [c for c in all_cases if "control" in c]
    ocr = [bool(c["control"]["ocr"]) for c in control]
    seen = [max(c["control"]["template"].values(), default=0) >= 1 for c in control]
    both = [a or b for a, b in zip(ocr, seen)]
    strangers = [c["attack"]["stranger"] for c in copies]
    chance = [c["attack"]["ocr_chance"] or c.get("whole", {}).get("ocr_chance", False) for c in copies]
    whole = [c for c in copies if "whole" in c]
    return [
        ("the attack before anything is covered finds the patient by OCR", rate(sum(ocr), len(ocr))),
        ("… by template search", rate(sum(seen), len(seen))),
        ("… by either", rate(sum(both), len(both))),
        ("false alarms: a stranger's strings found by OCR", rate(sum(chance), len(chance))),
        (f"false alarms: a stranger's line found by template search (the plainest {max(strangers, default=0):.2f}, 1 counts)", rate(sum(s >= 1 for s in strangers), len(strangers))),
        ("copies that were read and searched as a whole", str(len(whole))),
        (f"… with a stranger's line found anywhere (the plainest {max((c['whole']['stranger'] for c in whole), default=0):.2f}, 1 counts)", rate(sum(c["whole"]["stranger"] >= 1 for c in whole), len(whole))),
        ("… with a hit of OCR where no text ever stood, which is chance", rate(sum(bool(c["whole"]["ocr_elsewhere"]) for c in whole), len(whole))),
    ]


def rate(hits: int, of: int) -> str:
    """A share with its interval."""
    if of == 0:
        return "none to count"
    low, high = wilson(hits, of)
    return f"{100 * hits / of:.2f} % ({hits} of {of}; {100 * low:.2f} to {100 * high:.2f})"


def band(value, bands) -> str:
    """The band that a value is in."""
    if value is None:
        return "png"
    low, high = next((b for b in bands if b[0] <= value < b[1]), bands[-1])
    return f"{low}+" if high == 999 else f"{low}-{high - 1}"


BREAKDOWNS = {
    "size in px": lambda c, t: band(t["size"], SIZES),
    "contrast": lambda c, t: band(t["contrast"], CONTRASTS),
    "style": lambda c, t: t["style"],
    "script": lambda c, t: c["truth"]["patient"]["script"],
    "turned": lambda c, t: f"{t['rotated']} degrees",
    "place": lambda c, t: t["place"],
    "background": lambda c, t: c["truth"]["source"],
    "JPEG quality": lambda c, t: band(c["truth"]["quality"], QUALITIES),
    "tells of the patient": lambda c, t: "yes" if measure.telling(t) else "no",
}


def breakdown(all_cases: list[dict], key) -> list[dict]:
    """By one property of the texts: how many, how many wholly covered, how much ink, how many pictures with a leak."""
    rows: dict[str, dict] = {}
    for case in all_cases:
        if case["status"] != "anonymized":
            continue
        leaking = bool(leaks(case))
        for text, (pixels, gone) in zip(case["truth"]["texts"], case["measure"]["texts"]):
            row = rows.setdefault(key(case, text), {"texts": 0, "whole": 0, "ink": 0, "gone": 0, "leaking": set()})
            row["texts"] += 1
            row["whole"] += gone >= WHOLE * pixels
            row["ink"] += pixels
            row["gone"] += gone
            row["leaking"] |= {case["index"]} if leaking else set()
    def order(name: str):
        head = name.split("-")[0].split("+")[0].split()[0]
        return (0, int(head), name) if head.isdigit() else (1, 0, name)
    return [{"of": name} | rows[name] | {"leaking": len(rows[name]["leaking"])} for name in sorted(rows, key=order)]

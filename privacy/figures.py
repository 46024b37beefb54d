"""Computes the figures of a run from the results of attack.py: goals, intervals and breakdowns."""

import numpy as np

import measure
import people
from attack import FULL

MAX_LOST = 0.05
SIZES = [(12, 16), (16, 24), (24, 40), (40, 60), (60, 999)]
CONTRASTS = [(0, 20), (20, 40), (40, 80), (80, 160), (160, 999)]
QUALITIES = [(50, 65), (65, 80), (80, 96)]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Returns the 95 % Wilson interval of a share."""
    if total == 0:
        return 0.0, 1.0
    z, p = 1.959964, hits / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * np.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(parts: list[tuple[float, float]]) -> tuple[float, float]:
    """Returns the 95 % bootstrap interval of a ratio of sums.

    It resamples whole pictures, because the pixels of one picture are not independent.
    """
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
    """Returns the ways in which the patient was identified on a copy.

    Quarantined drafts are not attacked.
    """
    attack, whole = case.get("attack", {"ocr": [], "template": {}}), case.get("whole", {})
    ways = {f"OCR: {kind}" for kind in attack["ocr"]} | {
        f"OCR of the whole picture: {kind}" for kind in whole.get("ocr", [])
    }
    if max([*attack["template"].values(), whole.get("template", 0.0)], default=0.0) >= 1:
        ways.add("template")
    return ways


def cases(truths: list[dict], results: list[dict]) -> list[dict]:
    """Joins the truth and the result of each picture."""
    return [{"truth": t} | r for t, r in zip(truths, results, strict=True)]


def markers(copies: list[dict]):
    """Yields the markers of copies, what is lost of each, and whether that is on purpose."""
    for c in copies:
        for marker, share in zip(c["truth"]["markers"], c["measure"]["markers"], strict=True):
            yield marker, share, people.is_withheld(c["truth"]["patient"], marker["says"])


def goals(all_cases: list[dict]) -> list[dict]:
    """Returns the five goals with their figures."""
    copies = [c for c in all_cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]
    ink = [
        (sum(g for _, g in c["measure"]["texts"]), sum(p for p, _ in c["measure"]["texts"]))
        for c in texted
    ]
    coverage = sum(g for g, _ in ink) / max(1, sum(p for _, p in ink))
    leaking = [c for c in texted if leaks(c)]
    kept = [share <= MAX_LOST for _, share, on_purpose in markers(copies) if not on_purpose]
    clear = [
        c
        for c in all_cases
        if c["status"] in ("anonymized", "quarantined")
        and not c["truth"]["texts"]
        and not c["truth"]["patient"]["short_part"]
    ]
    redacted = [c for c in clear if c["status"] == "quarantined" or c["measure"]["outside_box"] > 0]
    beyond = [c["measure"]["beyond"] for c in copies]
    mean = float(np.mean(beyond)) if beyond else 0.0
    return [
        {
            "goal": "text-pixel coverage",
            "target": "at least 99.9 %",
            "value": coverage,
            "interval": bootstrap(ink),
            "of": len(texted),
            "met": bool(texted) and coverage >= 0.999,
        },
        {
            "goal": "pictures with a leaked string",
            "target": "0",
            "value": len(leaking) / max(1, len(texted)),
            "interval": wilson(len(leaking), len(texted)),
            "count": len(leaking),
            "of": len(texted),
            "met": bool(texted) and not leaking,
        },
        {
            "goal": "side markers kept",
            "target": "at least 98 %",
            "value": sum(kept) / max(1, len(kept)),
            "interval": wilson(sum(kept), len(kept)),
            "count": sum(kept),
            "of": len(kept),
            "met": bool(kept) and sum(kept) >= 0.98 * len(kept),
        },
        {
            "goal": "text-free pictures redacted",
            "target": "at most 2 %",
            "value": len(redacted) / max(1, len(clear)),
            "interval": wilson(len(redacted), len(clear)),
            "count": len(redacted),
            "of": len(clear),
            "met": bool(clear) and len(redacted) <= 0.02 * len(clear),
        },
        {
            "goal": "area beyond the text, mean",
            "target": "at most 3 %",
            "value": mean,
            "interval": bootstrap([(b, 1) for b in beyond]),
            "of": len(beyond),
            "met": bool(beyond) and mean <= 0.03,
        },
    ]


def details(all_cases: list[dict]) -> list[tuple[str, str]]:
    """Returns further figures in the order of the report."""
    copies = [c for c in all_cases if c["status"] == "anonymized"]
    texted = [c for c in copies if c["truth"]["texts"]]
    full = [g >= FULL * p for c in texted for p, g in c["measure"]["texts"]]
    touched = [g > 0 for c in texted for _, g in c["measure"]["texts"]]
    withheld = [s <= MAX_LOST for _, s, on_purpose in markers(copies) if on_purpose]
    rows = [
        ("texts fully covered (99.9 % of the ink)", rate(sum(full), len(full))),
        ("texts covered at least in part", rate(sum(touched), len(touched))),
        (
            "side markers kept that could be a part of the name: redacted on purpose",
            rate(sum(withheld), len(withheld)),
        ),
    ]
    kinds = sorted({m["kind"] for c in copies for m in c["truth"]["markers"]})
    for kind in kinds:
        kept = [
            s <= MAX_LOST
            for m, s, on_purpose in markers(copies)
            if m["kind"] == kind and not on_purpose
        ]
        rows.append((f"side markers kept: {kind}", rate(sum(kept), len(kept))))
    existing = [
        s <= MAX_LOST
        for c in copies
        if not c["truth"]["patient"]["short_part"]
        for s in c["measure"]["existing_markers"]
    ]
    rows.append(
        (
            "side markers kept: those already on X-rays and phantoms",
            rate(sum(existing), len(existing)),
        )
    )
    beyond = [c["measure"]["beyond"] for c in copies]
    rows.append(
        (
            "pictures with more than 3 % covered beyond the text",
            rate(sum(b > 0.03 for b in beyond), len(beyond)),
        )
    )
    blocks = [c["measure"]["beyond_blocks"] for c in copies]
    rows.append(
        (
            "area beyond the blocks of text (without the space between lines), mean",
            f"{100 * float(np.mean(blocks or [0])):.2f} %",
        )
    )
    rows.append(("area beyond the text, largest", f"{100 * max(beyond, default=0):.2f} %"))
    rows.append(
        (
            "area covered on pictures without text, outside the configured box, mean",
            f"{100 * float(np.mean([c['measure']['outside_box'] for c in copies if not c['truth']['texts']] or [0])):.3f} %",
        )
    )
    drafts = [c for c in all_cases if "draft" in c]
    needless = sum(all(g >= FULL * p for p, g in c["measure"]["texts"]) for c in drafts)
    rows.append(
        ("quarantined", rate(sum(c["status"] == "quarantined" for c in all_cases), len(all_cases)))
    )
    rows.append(("… of those with a draft: all text was covered", rate(needless, len(drafts))))
    return rows + sensitivity(all_cases, copies)


def sensitivity(all_cases: list[dict], copies: list[dict]) -> list[tuple[str, str]]:
    """Returns what the attack finds on uncovered pictures, and what it finds by chance."""
    control = [c for c in all_cases if "control" in c]
    ocr = [bool(c["control"]["ocr"]) for c in control]
    seen = [max(c["control"]["template"].values(), default=0) >= 1 for c in control]
    both = [a or b for a, b in zip(ocr, seen)]
    strangers = [c["attack"]["stranger"] for c in copies]
    chance = [
        c["attack"]["ocr_chance"] or c.get("whole", {}).get("ocr_chance", False) for c in copies
    ]
    whole = [c for c in copies if "whole" in c]
    return [
        ("the attack on original pictures identifies the patient by OCR", rate(sum(ocr), len(ocr))),
        *(
            (f"… by {name}", rate(sum(hits), len(hits)))
            for name, hits in by_reader(control).items()
        ),
        ("… by template matching", rate(sum(seen), len(seen))),
        ("… by either", rate(sum(both), len(both))),
        (
            "false positives: strings of another patient found by OCR",
            rate(sum(chance), len(chance)),
        ),
        (
            f"false positives: a line of another patient found by template matching (highest score {max(strangers, default=0):.2f}, 1 counts)",
            rate(sum(s >= 1 for s in strangers), len(strangers)),
        ),
        ("copies searched as a whole", str(len(whole))),
        (
            f"… with a line of another patient found anywhere (highest score {max((c['whole']['stranger'] for c in whole), default=0):.2f}, 1 counts)",
            rate(sum(c["whole"]["stranger"] >= 1 for c in whole), len(whole)),
        ),
        (
            "… with a chance OCR hit where there was no text",
            rate(sum(bool(c["whole"]["ocr_elsewhere"]) for c in whole), len(whole)),
        ),
    ]


def by_reader(control: list[dict]) -> dict[str, list[bool]]:
    """Returns whether each reader identified the patient, for each uncovered picture."""
    names = control[0]["control"]["readers"] if control else ()
    return {name: [bool(c["control"]["readers"][name]) for c in control] for name in names}


def rate(hits: int, total: int) -> str:
    """Formats a share with its interval."""
    if total == 0:
        return "no cases"
    low, high = wilson(hits, total)
    return f"{100 * hits / total:.2f} % ({hits} of {total}; {100 * low:.2f} to {100 * high:.2f})"


def band(value, bands) -> str:
    """Returns the label of the band that contains a value."""
    if value is None:
        return "png"
    low, high = next((b for b in bands if b[0] <= value < b[1]), bands[-1])
    return f"{low}+" if high == 999 else f"{low}-{high - 1}"


BREAKDOWNS = {
    "size in px": lambda c, t: band(t["size"], SIZES),
    "contrast": lambda c, t: band(t["contrast"], CONTRASTS),
    "style": lambda c, t: t["style"],
    "script": lambda c, t: c["truth"]["patient"]["script"],
    "rotated": lambda c, t: f"{t['rotated']} degrees",
    "place": lambda c, t: t["place"],
    "background": lambda c, t: c["truth"]["source"],
    "JPEG quality": lambda c, t: band(c["truth"]["quality"], QUALITIES),
    "identifies the patient": lambda c, t: "yes" if measure.is_identifying(t) else "no",
}


def breakdown(all_cases: list[dict], key) -> list[dict]:
    """Groups the texts by a property, with their coverage and the pictures with a leak."""
    rows: dict[str, dict] = {}
    for case in all_cases:
        if case["status"] != "anonymized":
            continue
        leaking = bool(leaks(case))
        for text, (pixels, covered) in zip(case["truth"]["texts"], case["measure"]["texts"]):
            row = rows.setdefault(
                key(case, text), {"texts": 0, "full": 0, "ink": 0, "covered": 0, "leaking": set()}
            )
            row["texts"] += 1
            row["full"] += covered >= FULL * pixels
            row["ink"] += pixels
            row["covered"] += covered
            row["leaking"] |= {case["index"]} if leaking else set()

    def order(name: str):
        head = name.split("-")[0].split("+")[0].split()[0]
        return (0, int(head), name) if head.isdigit() else (1, 0, name)

    return [
        {"of": name} | rows[name] | {"leaking": len(rows[name]["leaking"])}
        for name in sorted(rows, key=order)
    ]

"""Prints what a run came to against the goals, and writes the page with the worst cases.

Ends with 0 whatever was missed; with 1 under --strict when anything was, and under --strict=leaks when anything of a patient was found.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

import figures
import page


def table(rows: list[list[str]]) -> str:
    """Columns as wide as they need to be."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def goal_rows(goals: list[dict]) -> list[list[str]]:
    """The goals as they are printed."""
    rows = [["goal", "wanted", "measured", "95 % interval", "of", ""]]
    for g in goals:
        value = f"{g['count']} ({100 * g['value']:.2f} %)" if "count" in g else f"{100 * g['value']:.3f} %"
        low, high = g["interval"]
        state = "met" if g["met"] else "missed" if g["of"] else "missed: none to count"
        rows.append([g["goal"], g["wanted"], value, f"{100 * low:.2f} to {100 * high:.2f} %", str(g["of"]), state])
    return rows


def breakdown_rows(cases: list[dict]) -> dict[str, list[list[str]]]:
    """Every breakdown as it is printed."""
    tables = {}
    for name, key in figures.BREAKDOWNS.items():
        rows = [[name, "texts", "wholly covered", "ink covered", "pictures with a leak"]]
        for row in figures.breakdown(cases, key):
            rows.append([row["of"], str(row["texts"]), f"{100 * row['whole'] / row['texts']:.2f} %", f"{100 * row['gone'] / max(1, row['ink']):.3f} %", str(row["leaking"])])
        tables[name] = rows
    return tables


def about_lines(about: dict, cases: list[dict]) -> list[str]:
    """What was run, and what became of the pictures."""
    counts = Counter(c["status"] for c in cases)
    reasons = Counter(c.get("reason") for c in cases if c["status"] == "quarantined")
    detectors = sorted({str((c.get("redaction") or {}).get("detector")) for c in cases if c["status"] in ("anonymized", "quarantined")})
    lines = [
        f"{about['count']} pictures, seed {about['seed']}; {about['real']}; {about['phantoms']}",
        "fonts: " + ", ".join(f"{n} for {script}" for script, n in about["fonts"].items()),
        "detector: " + (", ".join(d[:16] for d in detectors if d != "None") or "none; only the configured box is covered"),
        "outcomes: " + ", ".join(f"{n} {name}" for name, n in counts.most_common())
        + "; not due are those that the model casts a doubt on, which get no copy",
    ]
    if reasons:
        lines.append("quarantined for: " + ", ".join(f"{reason} {n}" for reason, n in reasons.most_common()))
    for what in ("detect", "verify", "total"):
        took = [c["ms"][what] for c in cases if (c.get("ms") or {}).get(what) is not None]
        if took:
            lines.append(f"ms {what}: median {np.median(took):.1f}, 95th percentile {np.percentile(took, 95):.1f}")
    return lines


def main() -> None:
    """Prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the page")
    parser.add_argument("--elsewhere", type=Path, help="what elsewhere.py found")
    parser.add_argument("--strict", nargs="?", const="goals", choices=["goals", "leaks"], help="fail when a goal is missed, or only on leaks")
    args = parser.parse_args()
    truth = json.loads((args.work / "truth.json").read_text())
    cases = figures.cases(truth["pictures"], json.loads((args.work / "results.json").read_text()))
    goals = figures.goals(cases)
    more = [list(row) for row in figures.more(cases)]
    about = about_lines(truth["about"], cases)
    tables = breakdown_rows(cases)
    places = json.loads(args.elsewhere.read_text()) if args.elsewhere and args.elsewhere.exists() else []
    elsewhere = [["strings elsewhere", "looked through", "found"]] + [[p["place"], p["amount"], str(len(p["found"]))] for p in places]
    for part in ["\n".join(about), table(goal_rows(goals)), table(more), *map(table, tables.values()), table(elsewhere) if places else ""]:
        print(part + "\n" if part else "", end="\n" if part else "")
    page.write(args.out, args.work, cases, about, goal_rows(goals), more, tables, elsewhere if places else [])
    print(f"page: {args.out / 'index.html'}")
    (args.out / "figures.json").write_text(json.dumps({"about": truth["about"], "goals": goals, "more": more, "elsewhere": places}, indent=1, ensure_ascii=False))
    if args.strict and is_failure(cases, goals, places, args.strict):
        raise SystemExit(1)


def is_failure(cases: list[dict], goals: list[dict], places: list[dict], strict: str) -> bool:
    """Whether a strict run fails. A failed picture counts, because its figures say nothing; so does a run without a copy."""
    failed = any(c["status"] == "failed" for c in cases)
    found = any(p["found"] for p in places)
    wanted = goals if strict == "goals" else [g for g in goals if g["goal"] == "pictures with a leaked string"]
    return failed or found or not all(g["met"] for g in wanted)


if __name__ == "__main__":
    main()

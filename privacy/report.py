"""Prints the figures of a run against the goals, and writes the page with the worst cases.

The exit status is 0 even if goals are missed. With --strict it is 1 if any goal is missed, and
with --strict=leaks if a patient was identified.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

import numpy as np

import figures
import page


def table(rows: list[list[str]]) -> str:
    """Formats rows as aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows
    )


def goal_rows(goals: list[dict]) -> list[list[str]]:
    """Returns the goals as rows of text."""
    rows = [["goal", "target", "measured", "95 % interval", "of", ""]]
    for g in goals:
        value = (
            f"{g['count']} ({100 * g['value']:.2f} %)"
            if "count" in g
            else f"{100 * g['value']:.3f} %"
        )
        low, high = g["interval"]
        state = "met" if g["met"] else "missed" if g["of"] else "missed: no cases"
        rows.append(
            [
                g["goal"],
                g["target"],
                value,
                f"{100 * low:.2f} to {100 * high:.2f} %",
                str(g["of"]),
                state,
            ]
        )
    return rows


def breakdown_rows(cases: list[dict]) -> dict[str, list[list[str]]]:
    """Returns all breakdowns as rows of text."""
    tables = {}
    for name, key in figures.BREAKDOWNS.items():
        rows = [[name, "texts", "fully covered", "ink covered", "pictures with a leak"]]
        for row in figures.breakdown(cases, key):
            rows.append(
                [
                    row["of"],
                    str(row["texts"]),
                    f"{100 * row['full'] / row['texts']:.2f} %",
                    f"{100 * row['covered'] / max(1, row['ink']):.3f} %",
                    str(row["leaking"]),
                ]
            )
        tables[name] = rows
    return tables


def special_rows(special: list[dict]) -> list[list[str]]:
    """Returns the special kinds as rows of text."""
    states = ["covered", "quarantined", "open", "not due", "failed"]
    rows = [["special kinds", "covered or gone", "quarantined", "open", "not due", "failed"]]
    return rows + [[row["kind"], *(str(row.get(s, 0)) for s in states)] for row in special]


def peer_rows(peers: dict) -> list[list[str]]:
    """Returns the comparison with other readers as rows of text."""
    rows = [
        [f"on {peers['pictures']} pictures", "lines missed", "markers kept", "text-free touched"]
    ]
    for name, row in peers["rows"].items():
        shares = (("missed", "lines"), ("kept", "markers"), ("touched", "text-free"))
        rows.append([name, *(figures.rate(row[a], row[b]) for a, b in shares)])
    return rows


def about_lines(about: dict, cases: list[dict]) -> list[str]:
    """Describes the run and the outcomes."""
    counts = Counter(c["status"] for c in cases)
    reasons = Counter(c.get("reason") for c in cases if c["status"] == "quarantined")
    detectors = sorted(
        {
            str((c.get("redaction") or {}).get("detector"))
            for c in cases
            if c["status"] in ("anonymized", "quarantined")
        }
    )
    lines = [
        f"{about['count']} pictures, seed {about['seed']}; {about['real']}; {about['phantoms']}",
        "fonts: " + ", ".join(f"{n} for {script}" for script, n in about["fonts"].items()),
        "detector: "
        + (
            ", ".join(d[:16] for d in detectors if d != "None")
            or "none; only the configured box is covered"
        ),
        "outcomes: "
        + ", ".join(f"{n} {name}" for name, n in counts.most_common())
        + "; pictures that fail an input check of the model are not due for a copy",
    ]
    if reasons:
        lines.append(
            "quarantine reasons: "
            + ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
        )
    for step in ("detect", "verify", "total"):
        times = [c["ms"][step] for c in cases if (c.get("ms") or {}).get(step) is not None]
        if times:
            lines.append(
                f"ms {step}: median {np.median(times):.1f}, 95th percentile {np.percentile(times, 95):.1f}"
            )
    return lines


def main() -> None:
    """Prints the figures and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder for the page")
    parser.add_argument("--elsewhere", type=Path, help="output of elsewhere.py")
    parser.add_argument("--special", type=Path, help="output of special.py")
    parser.add_argument("--peers", type=Path, help="output of peers.py")
    parser.add_argument(
        "--strict",
        nargs="?",
        const="goals",
        choices=["goals", "leaks"],
        help="fail if a goal is missed, or only on leaks",
    )
    args = parser.parse_args()
    truth = json.loads((args.work / "truth.json").read_text())
    cases = figures.cases(truth["pictures"], json.loads((args.work / "results.json").read_text()))
    goals = figures.goals(cases)
    details = [list(row) for row in figures.details(cases)]
    about = about_lines(truth["about"], cases)
    tables = breakdown_rows(cases)
    places = (
        json.loads(args.elsewhere.read_text()) if args.elsewhere and args.elsewhere.exists() else []
    )
    elsewhere = [["identifiers elsewhere", "searched", "found"]] + [
        [p["place"], p["amount"], str(len(p["found"]))] for p in places
    ]
    special = json.loads(args.special.read_text()) if args.special and args.special.exists() else []
    peers = json.loads(args.peers.read_text()) if args.peers and args.peers.exists() else None
    further = [
        elsewhere if places else [],
        special_rows(special) if special else [],
        peer_rows(peers) if peers and peers["pictures"] else [],
    ]
    for part in [
        "\n".join(about),
        table(goal_rows(goals)),
        table(details),
        *map(table, tables.values()),
        *(table(rows) for rows in further if rows),
    ]:
        print(part + "\n" if part else "", end="\n" if part else "")
    page.write(
        args.out,
        args.work,
        cases,
        about,
        goal_rows(goals),
        details,
        tables,
        further,
    )
    print(f"page: {args.out / 'index.html'}")
    (args.out / "figures.json").write_text(
        json.dumps(
            {
                "about": truth["about"],
                "goals": goals,
                "details": details,
                "elsewhere": places,
                "special": special,
                "peers": peers,
            },
            indent=1,
            ensure_ascii=False,
        )
    )
    if args.strict and is_failure(cases, goals, places, special, args.strict):
        raise SystemExit(1)


def is_failure(
    cases: list[dict], goals: list[dict], places: list[dict], special: list[dict], strict: str
) -> bool:
    """Reports whether a strict run fails.

    A failed picture counts, because its figures mean nothing; so does a run without a copy, and a
    patient in the bytes of a copy. That text of a special kind is missed, does not.
    """
    failed = any(c["status"] == "failed" for c in cases) or any(s.get("failed") for s in special)
    found = any(p["found"] for p in places) or any(s["residue"] and s.get("open") for s in special)
    required = (
        goals
        if strict == "goals"
        else [g for g in goals if g["goal"] == "pictures with a leaked string"]
    )
    return failed or found or not all(g["met"] for g in required)


if __name__ == "__main__":
    main()

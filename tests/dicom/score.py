#!/usr/bin/env python3
"""Scores copies by the key that key.py makes.

    xray process objects -o out --json --variable anonymize=all ... > lines
    tests/dicom/score.py objects lines [OPTION ...]

Prints the share of expectations that the copies meet, and fails below 99.95 %, or if an identifier
of a patient is anywhere in a copy. Lines are JSON with `source` and `anonymized`. Options are those
of the setting `dicom_options`, and `shift` for `dicom_dates`; what they would keep is not asked for
without them.
"""

import datetime
import json
import pathlib
import sys

import numpy as np
from pydicom import dcmread

from key import find

REQUIRED = 0.9995


class Score:
    def __init__(self, options):
        self.options, self.counts, self.wrong = set(options), {}, []
        self.uids, self.ids, self.shifts = {}, {}, {}

    def count(self, name, action, path, is_right):
        right, all_ = self.counts.get(action, (0, 0))
        self.counts[action] = (right + bool(is_right), all_ + 1)
        if not is_right:
            self.wrong.append(f"{name}: {action} {path}")

    def same(self, known, old, new):
        """Reports whether an old value has one new one, and no other old value has it."""
        return bool(new) and known.setdefault(old, new) == new and (
            known.setdefault(("new", new), old) == old)

    def object(self, name, source, copy, key, identifiers):
        before, after = source.pixel_array, copy.pixel_array
        for entry in key:
            action, path, value, needs = (entry[k] for k in ("action", "path", "value", "needs"))
            if action == "date_shifted" and "shift" not in self.options:
                action, needs = "date_removed", None
            if needs and needs not in self.options:
                continue
            if action.startswith("pixels"):
                x, y, width, height = path
                old, new = (p[y : y + height, x : x + width] for p in (before, after))
                bright = old > np.median(before[y : y + height]) + 400
                is_right = (old == new).all() if action == "pixels_retained" else (
                    bright.sum() > 50 and not (old == new)[bright].any())
            else:
                is_right = self.attribute(action, find(copy, path), value, identifiers, source)
            self.count(name, action, path, is_right)

    def attribute(self, action, new, value, identifiers, source):
        text = "" if new is None else str(new)
        match action:
            case "text_removed" | "private_removed":
                return not any(word.lower() in text.lower() for word in identifiers)
            case "text_retained":
                return text == value
            case "date_removed":
                return text != value
            case "tag_retained":
                return new is not None
            case "text_notnull":
                return text != ""
            case "uid_changed":
                return text not in ("", value)
            case "uid_consistent":
                return self.same(self.uids, value, text)
            case "patid_consistent":
                return self.same(self.ids, value, text)
            case "date_shifted":
                try:
                    days = datetime.datetime.strptime(text, "%Y%m%d")
                except ValueError:
                    return False
                days -= datetime.datetime.strptime(value, "%Y%m%d")
                return days.days != 0 and self.shifts.setdefault(source.PatientID, days) == days

    def print(self):
        right, all_ = (sum(numbers) for numbers in zip(*self.counts.values()))
        for action, (count, of) in sorted(self.counts.items()):
            print(f"{action:17} {count:6} of {of:6}  {100 * count / of:7.3f} %")
        print(f"{'all':17} {right:6} of {all_:6}  {100 * right / all_:7.3f} %")
        return right / all_


def score(folder, lines, options):
    keys = json.loads((folder / "key.json").read_text())
    copies = {}
    for line in lines.read_text().splitlines():
        line = json.loads(line)
        copies[pathlib.Path(line["source"]).name] = line.get("anonymized") or line.get("quarantined")
    total, leaks = Score(options), []
    for name, entry in keys.items():
        source = dcmread(folder / name)
        if not copies.get(name):
            for action in entry["key"]:
                total.count(name, action["action"], action["path"], False)
            continue
        path = pathlib.Path(copies[name])
        copy = dcmread(path)
        total.object(name, source, copy, entry["key"], entry["identifiers"])
        del copy.PixelData
        head = str(copy) + path.read_bytes()[:1000].decode("latin-1")
        found = [word for word in entry["identifiers"] if word.lower() in head.lower()]
        leaks += [f"{name} holds {len(found)} identifiers"] if found else []
    share = total.print()
    print(f"identifiers left in {len(leaks)} of {len(keys)} copies")
    print("\n".join(total.wrong[:20]), file=sys.stderr)
    return share >= REQUIRED and not leaks


def main():
    folder, lines, *options = sys.argv[1:]
    if not score(pathlib.Path(folder), pathlib.Path(lines), options):
        sys.exit("below 99.95 %, or an identifier is left")


if __name__ == "__main__":
    main()

"""What counts as a leak, and the search for it in what was read.

A part of a name of three letters and fewer counts as a word; of longer parts, the id and the birth date any run of four characters.
"""

import re
import unicodedata
from datetime import date

import layouts

RUN = 4
FORMS = 5


def fold(text: str) -> str:
    """Capital letters without accents, composed."""
    apart = unicodedata.normalize("NFKD", text.upper().translate({0x141: "L", 0xD8: "O", 0xDE: "TH", 0xD0: "D", 0x131: "I", 0x110: "D"}))
    # Only Latin, Greek and Cyrillic letters lose their marks: the vowel signs of other scripts are part of the word.
    kept = [c for c in apart if not ("\u0300" <= c <= "\u036f")]
    return unicodedata.normalize("NFC", "".join(kept))


def packed(text: str) -> str:
    """Folded, without anything but letters, their signs and figures."""
    return "".join(c for c in fold(text) if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc"))


def runs(text: str) -> set[str]:
    """Every run of four characters of a text."""
    whole = packed(text)
    return {whole[i : i + RUN] for i in range(len(whole) - RUN + 1)}


def birth_forms(iso: str) -> list[str]:
    """The birth date in each form that is printed, and with two figures for the year."""
    day = date.fromisoformat(iso)
    return [layouts.write_date(iso, form) for form in range(FORMS)] + [day.strftime(f) for f in ("%d%m%y", "%m%d%y", "%y%m%d")]


class Needles:
    """What must not be found of one patient."""

    def __init__(self, patient: dict, innocent: list[str]):
        """`innocent` is what else stands on the picture or in the report and may stay: its runs tell of nobody."""
        spared = set().union(*(runs(text) for text in innocent), *(runs(form) for form in birth_forms(patient["exam"])))
        parts = [fold(part) for part in patient["parts"]]
        self.words = {p for p in parts if len(packed(p)) < RUN} - {word for text in innocent for word in _words(text)}
        self.name = set().union(*(runs(p) for p in parts)) - spared
        self.id = (runs(patient["id"]) or {packed(patient["id"])}) - spared
        self.birth = set().union(*(runs(form) for form in birth_forms(patient["birth"]))) - spared

    def found(self, read: str) -> set[str]:
        """Which kinds of them a text holds: name, id, birth."""
        kinds = set()
        for line in read.splitlines():
            whole = packed(line)
            if self.words & _words(line) or any(run in whole for run in self.name):
                kinds.add("name")
            kinds |= {kind for kind in ("id", "birth") if any(run in whole for run in getattr(self, kind))}
        return kinds


def _words(text: str) -> set[str]:
    return set(re.split(r"[\W_]+", fold(text))) - {""}


def of(truth: dict) -> Needles:
    """The needles of one picture."""
    innocent = [t["says"] for t in truth["texts"] if not {"name", "id", "birth"} & set(t["kind"].split("+"))]
    labels = [word for words in layouts.LABELS.values() for word in words]
    return Needles(truth["patient"], innocent + labels + ["PORTABLE SUPINE"])

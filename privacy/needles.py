"""Defines leaks, and searches for them in recognized text.

Parts of a name with up to three letters leak as whole words. Longer parts, the id and the birth
date leak with any four consecutive characters.
"""

import re
import unicodedata
from datetime import date

import layouts

RUN = 4
FORMS = 5


def fold(text: str) -> str:
    """Returns the text in composed capital letters without accents."""
    apart = unicodedata.normalize(
        "NFKD",
        text.upper().translate(
            {0x141: "L", 0xD8: "O", 0xDE: "TH", 0xD0: "D", 0x131: "I", 0x110: "D"}
        ),
    )
    # Only Latin, Greek and Cyrillic letters lose their combining marks: vowel signs of other
    # scripts are part of the word.
    kept = [c for c in apart if not ("\u0300" <= c <= "\u036f")]
    return unicodedata.normalize("NFC", "".join(kept))


def packed(text: str) -> str:
    """Returns the folded letters, combining marks and digits."""
    return "".join(c for c in fold(text) if c.isalnum() or unicodedata.category(c) in ("Mn", "Mc"))


def runs(text: str) -> set[str]:
    """Returns all runs of four characters of a text."""
    whole = packed(text)
    return {whole[i : i + RUN] for i in range(len(whole) - RUN + 1)}


def birth_forms(iso: str) -> list[str]:
    """Returns the birth date in each printed form, and with a two-digit year."""
    day = date.fromisoformat(iso)
    return [layouts.format_date(iso, form) for form in range(FORMS)] + [
        day.strftime(f) for f in ("%d%m%y", "%m%d%y", "%y%m%d")
    ]


class Needles:
    """The strings that must not be found of one patient."""

    def __init__(self, patient: dict, allowed: list[str]):
        """`allowed` lists the other texts of the picture or report, whose runs identify nobody."""
        excluded = set().union(
            *(runs(text) for text in allowed),
            *(runs(form) for form in birth_forms(patient["exam"])),
        )
        parts = [fold(part) for part in patient["parts"]]
        self.words = {p for p in parts if len(packed(p)) < RUN} - {
            word for text in allowed for word in _words(text)
        }
        self.name = set().union(*(runs(p) for p in parts)) - excluded
        self.id = (runs(patient["id"]) or {packed(patient["id"])}) - excluded
        self.birth = set().union(*(runs(form) for form in birth_forms(patient["birth"]))) - excluded

    def found(self, text: str) -> set[str]:
        """Returns the kinds that a text contains: name, id, birth."""
        kinds = set()
        for line in text.splitlines():
            whole = packed(line)
            if self.words & _words(line) or any(run in whole for run in self.name):
                kinds.add("name")
            kinds |= {
                kind for kind in ("id", "birth") if any(run in whole for run in getattr(self, kind))
            }
        return kinds


def _words(text: str) -> set[str]:
    return set(re.split(r"[\W_]+", fold(text))) - {""}


def of(truth: dict) -> Needles:
    """Returns the needles of one picture."""
    allowed = [
        t["says"] for t in truth["texts"] if not {"name", "id", "birth"} & set(t["kind"].split("+"))
    ]
    labels = [word for words in layouts.LABELS.values() for word in words]
    return Needles(truth["patient"], allowed + labels + ["PORTABLE SUPINE"])

"""Generates text as modalities print it, about invented patients."""

from fonts import SCRIPTS, SHARES

DIGITS = "0123456789"
LABELS = "Name Patient Pat. Pat.-Nr. ID MRN PID DOB D.O.B. Born Birth Geb. Sex Age Acc Accession Study Date Exam Time Ref Dr. Physician Tech Dept Ward Nom Né Fecha Nombre kV mAs".split()
PLACES = "Hospital Clinic Klinikum Medical Center Centre Radiology X-Ray Chest Thorax PORTABLE SUPINE ERECT General St. University Children's Community County Regional Institute".split()
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
# Side and view markers. Other isolated letters do not identify a patient either.
MARKERS = ["L", "R", "L", "R", "L", "R", "LT", "RT", "AP", "PA", "A-P", "P-A", "D", "G", "I"]


def script(rng) -> str:
    return str(rng.choice(list(SHARES), p=list(SHARES.values())))


def word(rng, letters: str, low: int = 2, high: int = 12) -> str:
    made = "".join(rng.choice(list(letters), rng.integers(low, high + 1)))
    return made if rng.random() < 0.5 else made.upper() if rng.random() < 0.6 else made.capitalize()


def number(rng, low: int = 1, high: int = 10) -> str:
    return "".join(rng.choice(list(DIGITS), rng.integers(low, high + 1)))


def date(rng) -> str:
    y, m, d = rng.integers(1920, 2030), rng.integers(1, 13), rng.integers(1, 29)
    forms = [
        f"{y}-{m:02}-{d:02}",
        f"{d:02}.{m:02}.{y}",
        f"{m:02}/{d:02}/{y}",
        f"{y}{m:02}{d:02}",
        f"{d:02}-{MONTHS[m - 1]}-{y}",
        f"{d}.{m}.{y % 100:02}",
        f"{MONTHS[m - 1]} {d}, {y}",
        f"{y}/{m:02}/{d:02}",
    ]
    return forms[rng.integers(len(forms))]


def name(rng, letters: str) -> str:
    parts = [
        word(rng, letters)
        for _ in range(rng.choice([1, 2, 2, 2, 3, 4, 6], p=[0.1, 0.3, 0.2, 0.15, 0.1, 0.1, 0.05]))
    ]
    return str(rng.choice([" ", " ", ", ", "^", "  "])).join(parts)


def value(rng, letters: str) -> str:
    kind = rng.choice(
        ["name", "number", "date", "code", "time", "sex", "place", "words"],
        p=[0.34, 0.16, 0.16, 0.1, 0.05, 0.04, 0.08, 0.07],
    )
    if kind == "name":
        return name(rng, letters)
    if kind == "number":
        return number(rng)
    if kind == "date":
        return date(rng)
    if kind == "code":
        return (
            word(rng, LATIN_CAPITALS, 1, 3)
            + str(rng.choice(["", "-", "/", " "]))
            + number(rng, 3, 9)
        )
    if kind == "time":
        return f"{rng.integers(24):02}:{rng.integers(60):02}" + (
            f":{rng.integers(60):02}" if rng.random() < 0.5 else ""
        )
    if kind == "sex":
        return str(rng.choice(["M", "F", "M 045Y", "F/003Y", "Male", "Female", "(M)"]))
    if kind == "place":
        return " ".join(rng.choice(PLACES, rng.integers(1, 4)))
    return " ".join(word(rng, letters) for _ in range(rng.integers(1, 6)))


LATIN_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def line(rng, letters: str) -> str:
    text = value(rng, letters)
    if rng.random() < 0.4 and (text.isascii() or letters[0] < "\u0590"):
        text = str(rng.choice(LABELS)) + str(rng.choice([": ", ":", " ", "   ", ":  "])) + text
    return text


def lines(rng) -> tuple[str, list[str]]:
    """Returns a script and one to eight lines in it."""
    chosen = script(rng)
    letters = SCRIPTS[chosen][0]
    count = int(rng.choice([1, 2, 3, 4, 5, 6, 8], p=[0.4, 0.17, 0.13, 0.13, 0.07, 0.05, 0.05]))
    return chosen, [line(rng, letters) for _ in range(count)]


def marker(rng) -> str:
    return str(rng.choice(MARKERS)) if rng.random() < 0.9 else str(rng.choice(list(LATIN_CAPITALS)))

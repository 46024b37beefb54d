"""Text as equipment prints it and staff write it, about invented patients."""

from .fonts import LATIN, LETTERS, SHARES

CAPITALS = LATIN[:26]
LABELS = (
    "Name Patient Pat. Pat.-Nr. ID MRN PID DOB D.O.B. Born Birth Geb. Sex Age Acc Study Date Exam"
    " Time Ref Dr. Tech Dept Ward Nom Né Fecha Nombre Nachname Vorname kV mAs Room Bett"
).split()
PLACES = (
    "Hospital Clinic Klinikum Medical Centre Radiology X-Ray Chest Thorax PORTABLE SUPINE ERECT"
    " General St. University Children's Community County Regional Institute Hôpital Clínica"
).split()
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC MAI OKT DEZ FEV ABR".split()
# One or two letters that are side or view markers, in English, Spanish, German and French.
MARKERS = "L R L R L R L R LT RT AP PA LL RL A-P P-A D I G RE LI".split()


def script(rng, fonts) -> str:
    chosen = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    return chosen if fonts.has(chosen) else "latin"


def word(rng, letters: str, low: int = 2, high: int = 11) -> str:
    made = "".join(rng.choice(list(letters), rng.integers(low, high + 1)))
    kind = rng.random()
    return made.upper() if kind < 0.4 else made.capitalize() if kind < 0.8 else made.lower()


def number(rng, low: int = 1, high: int = 10) -> str:
    return "".join(rng.choice(list("0123456789"), rng.integers(low, high + 1)))


def date(rng) -> str:
    y, m, d = int(rng.integers(1920, 2030)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
    month = str(rng.choice(MONTHS))
    return str(
        rng.choice(
            [
                f"{y}-{m:02}-{d:02}", f"{d:02}.{m:02}.{y}", f"{m:02}/{d:02}/{y}",
                f"{y}{m:02}{d:02}", f"{d:02}-{month}-{y}", f"{d}.{m}.{y % 100:02}",
                f"{month} {d}, {y}", f"{y}/{m:02}/{d:02}", f"{d} {month.title()} {y}", f"{y}",
            ]
        )
    )  # fmt: skip


def name(rng, letters: str) -> str:
    count = int(rng.choice([1, 2, 2, 3, 4]))
    return str(rng.choice([" ", " ", ", ", "^", "  "])).join(
        word(rng, letters) for _ in range(count)
    )


def line(rng, letters: str) -> str:
    kind = rng.random()
    if kind < 0.36:
        text = name(rng, letters)
    elif kind < 0.52:
        text = number(rng)
    elif kind < 0.68:
        text = date(rng)
    elif kind < 0.78:
        text = word(rng, CAPITALS, 1, 3).upper() + str(rng.choice(["", "-", "/", " "])) + number(
            rng, 3, 9
        )
    elif kind < 0.83:
        text = f"{rng.integers(24):02}:{rng.integers(60):02}"
    elif kind < 0.88:
        text = str(rng.choice(["M", "F", "M 045Y", "F/003Y", "Male", "(M)", "3 J.", "12 kg"]))
    elif kind < 0.94:
        text = " ".join(rng.choice(PLACES, rng.integers(1, 4)))
    else:
        text = " ".join(word(rng, letters) for _ in range(rng.integers(2, 6)))
    if rng.random() < 0.3 and text.isascii():
        text = str(rng.choice(LABELS)) + str(rng.choice([": ", ":", " ", "   "])) + text
    return text


def lines(rng, fonts) -> tuple[str, list[str]]:
    """Returns a script and one to six lines in it."""
    chosen = script(rng, fonts)
    count = int(rng.choice([1, 2, 3, 4, 6], p=[0.5, 0.2, 0.14, 0.1, 0.06]))
    return chosen, [line(rng, LETTERS[chosen]) for _ in range(count)]


def initials(rng) -> str:
    """Returns one to three letters that may identify a patient, and are no marker."""
    while True:
        count = int(rng.choice([1, 2, 2, 2, 3]))
        letters = [str(rng.choice(list(CAPITALS))) for _ in range(count)]
        made = str(rng.choice(["", "", ".", ". ", " "])).join(letters)
        if made not in MARKERS:
            return made


def marker(rng) -> str:
    return str(rng.choice(MARKERS))

"""Lays out patient data as equipment prints it, in lines of cells."""

from datetime import date

INSTITUTIONS = [
    "St. Brannoc's Infirmary",
    "Klinikum Oberwald",
    "Hôpital de la Grenouillère",
    "NORTH MOOR RADIOLOGY",
    "Szpital Zielona Dolina",
    "Clínica Aguas Claras",
    "Mercy Vale Medical Centre",
    "CR ROOM 4 / Harrowgate",
    "Universitätsspital Lindach",
    "Fjordby Sykehus",
]
LABELS = {
    "name": ["Name", "Patient", "Pat.", "Pt Name", "NOM"],
    "id": ["ID", "Patient ID", "MRN", "Pat-Nr", "No."],
    "birth": ["DOB", "Birth Date", "geb.", "Born", "*"],
    "exam": ["Study Date", "Exam", "Date", "Acq.", "Aufn."],
    "accession": ["Acc", "Acc#", "Accession No", "Order"],
    "time": ["Time", "Acq Time", "Zeit"],
    "institution": ["Institution", "Inst", "Dept"],
}
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()


def format_date(iso: str, form: int) -> str:
    """Formats a date in one of the printed forms."""
    day = date.fromisoformat(iso)
    return [
        day.isoformat(),
        day.strftime("%d.%m.%Y"),
        day.strftime("%m/%d/%Y"),
        f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year}",
        day.strftime("%Y%m%d"),
    ][form]


def format_name(patient, form: int) -> str:
    """Formats a name in one of the printed forms."""
    given, family = patient.given, patient.family
    return [
        f"{given} {family}",
        f"{family}, {given}",
        f"{family}^{given}^^".upper(),
        f"{family.upper()}, {given}",
        f"{family}^{given}".upper(),
        f"{given} {family}".upper(),
    ][form]


def values(patient, rng) -> dict[str, str]:
    """Returns the content of each kind of cell in a picture; dates and names have one form each."""
    form = int(rng.integers(5))
    hour, minute, second = (int(rng.integers(n)) for n in (24, 60, 60))
    return {
        "name": format_name(patient, int(rng.integers(6))),
        "id": patient.id,
        "birth": format_date(patient.birth, form),
        "exam": format_date(patient.exam, form),
        "accession": f"{rng.choice(list('ACRX'))}{int(rng.integers(10**6, 10**8))}",
        "time": f"{hour:02}:{minute:02}" + (f":{second:02}" if rng.random() < 0.5 else ""),
        "institution": str(rng.choice(INSTITUTIONS)),
    }


def blocks(patient, rng) -> list[dict]:
    """Returns one to three blocks with one to about eight lines in total.

    At least one line identifies the patient. A block has `lines`, each a list of cells `(text,
    kind)`, and `align`: left, right, center or columns.
    """
    says = values(patient, rng)
    label = {kind: str(rng.choice(words)) for kind, words in LABELS.items()}
    colon = str(rng.choice([": ", ":", "  ", " = "]))

    def labeled(kind):
        return [(f"{label[kind]}{colon}{says[kind]}", kind)]

    def bare(kind):
        return [(says[kind], kind)]

    def column(kind):
        return [(label[kind], "label"), (says[kind], kind)]

    turn = rng.random()
    if turn < 0.24:
        kinds = ["name", "id", "birth", "exam", "accession", "time", "institution"][
            : int(rng.integers(2, 8))
        ]
        return [{"align": "left", "lines": [labeled(k) for k in kinds]}]
    if turn < 0.40:
        kinds = ["name", "id", "birth", "exam", "accession", "time"][: int(rng.integers(2, 7))]
        return [{"align": "columns", "lines": [column(k) for k in kinds]}]
    if turn < 0.52:
        return [
            {
                "align": "center",
                "lines": [
                    bare("institution"),
                    bare("name"),
                    [(f"{says['id']}  {says['birth']}", "id+birth")],
                ],
            }
        ]
    if turn < 0.64:
        return [
            {
                "align": "left",
                "lines": [[(f"{says['name']}  {says['id']}  {says['birth']}", "name+id+birth")]],
            }
        ]
    if turn < 0.72:
        return [{"align": "left", "lines": [bare("name")]}]
    if turn < 0.90:
        right = [bare(k) for k in ("institution", "exam", "time")[: int(rng.integers(1, 4))]]
        left = [bare(k) for k in ("name", "id", "birth")[: int(rng.integers(2, 4))]]
        return [{"align": "left", "lines": left}, {"align": "right", "lines": right}]
    lines = [
        bare("institution"),
        bare("name"),
        labeled("id"),
        labeled("birth"),
        labeled("exam"),
        labeled("time"),
        labeled("accession"),
        [("PORTABLE SUPINE", "other")],
    ]
    return [{"align": "left", "lines": lines}]

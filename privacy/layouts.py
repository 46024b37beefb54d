"""How equipment writes a patient on a picture: lines of cells, each cell with what it tells."""

from datetime import date

INSTITUTIONS = [
    "St. Brannoc's Infirmary", "Klinikum Oberwald", "Hôpital de la Grenouillère", "NORTH MOOR RADIOLOGY", "Szpital Zielona Dolina",
    "Clínica Aguas Claras", "Mercy Vale Medical Centre", "CR ROOM 4 / Harrowgate", "Universitätsspital Lindach", "Fjordby Sykehus",
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


def write_date(iso: str, form: int) -> str:
    """One of the forms in which dates are printed."""
    day = date.fromisoformat(iso)
    return [
        day.isoformat(),
        day.strftime("%d.%m.%Y"),
        day.strftime("%m/%d/%Y"),
        f"{day.day:02}-{MONTHS[day.month - 1]}-{day.year}",
        day.strftime("%Y%m%d"),
    ][form]


def write_name(patient, form: int) -> str:
    """One of the forms in which names are printed."""
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
    """What each kind of cell says in this picture; dates and names have one form each."""
    form = int(rng.integers(5))
    hour, minute, second = (int(rng.integers(n)) for n in (24, 60, 60))
    return {
        "name": write_name(patient, int(rng.integers(6))),
        "id": patient.id,
        "birth": write_date(patient.birth, form),
        "exam": write_date(patient.exam, form),
        "accession": f"{rng.choice(list('ACRX'))}{int(rng.integers(10**6, 10**8))}",
        "time": f"{hour:02}:{minute:02}" + (f":{second:02}" if rng.random() < 0.5 else ""),
        "institution": str(rng.choice(INSTITUTIONS)),
    }


def blocks(patient, rng) -> list[dict]:
    """One to three blocks of together one to about eight lines, at least one of which tells of the patient.

    A block has `lines`, each a list of cells `(text, kind)`, and `align`: left, right, centre or columns.
    """
    says = values(patient, rng)
    label = {kind: str(rng.choice(words)) for kind, words in LABELS.items()}
    colon = str(rng.choice([": ", ":", "  ", " = "]))

    def told(kind):
        return [(f"{label[kind]}{colon}{says[kind]}", kind)]

    def bare(kind):
        return [(says[kind], kind)]

    def column(kind):
        return [(label[kind], "label"), (says[kind], kind)]

    turn = rng.random()
    if turn < 0.24:
        kinds = ["name", "id", "birth", "exam", "accession", "time", "institution"][: int(rng.integers(2, 8))]
        return [{"align": "left", "lines": [told(k) for k in kinds]}]
    if turn < 0.40:
        kinds = ["name", "id", "birth", "exam", "accession", "time"][: int(rng.integers(2, 7))]
        return [{"align": "columns", "lines": [column(k) for k in kinds]}]
    if turn < 0.52:
        return [{"align": "centre", "lines": [bare("institution"), bare("name"), [(f"{says['id']}  {says['birth']}", "id+birth")]]}]
    if turn < 0.64:
        return [{"align": "left", "lines": [[(f"{says['name']}  {says['id']}  {says['birth']}", "name+id+birth")]]}]
    if turn < 0.72:
        return [{"align": "left", "lines": [bare("name")]}]
    if turn < 0.90:
        right = [bare(k) for k in ("institution", "exam", "time")[: int(rng.integers(1, 4))]]
        left = [bare(k) for k in ("name", "id", "birth")[: int(rng.integers(2, 4))]]
        return [{"align": "left", "lines": left}, {"align": "right", "lines": right}]
    lines = [bare("institution"), bare("name"), told("id"), told("birth"), told("exam"), told("time"), told("accession"), [("PORTABLE SUPINE", "other")]]
    return [{"align": "left", "lines": lines}]

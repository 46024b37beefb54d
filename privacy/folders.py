"""Uploads pictures into folders named after their patients in disguise.

Every folder may stay (`keep_folders=*`), so the function's check of each is all that protects it.
"""

import json
import shutil
from datetime import date
from pathlib import Path

from place import Place
from services import BUCKET, notification

VOWELS = "aeiouAEIOU"


def disguises(patient: dict) -> dict[str, str]:
    """Returns names of folders by the kind of their disguise."""
    parts = patient["parts"]
    family, given = parts[-1], parts[0]
    digits = "".join(c for c in patient["id"] if c.isdigit())
    birth, exam = (date.fromisoformat(patient[k]) for k in ("birth", "exam"))
    age = exam.year - birth.year - ((exam.month, exam.day) < (birth.month, birth.day))
    return {
        "abbreviation": family[:4].lower(),
        "without vowels": family[0] + "".join(c for c in family[1:] if c not in VOWELS),
        "initial and name": f"{given[0]}{family}".lower(),
        "dotted initials": f"{given[0]}.{family[0]}.",
        "initials": f"{family[0]}{given[0]}",
        "id with a prefix": f"pat-{patient['id']}",
        "last digits of the id": digits[-4:],
        "month of birth": birth.strftime("%B"),
        "month and year of birth": birth.strftime("%m-%y"),
        "age": f"{age:03}Y",
        "percent escapes": "".join(f"%{b:02X}" for b in given.encode()),
        "other escapes": "".join(f"={b:02X}" for b in family.encode()),
    }


def search(demo, pictures: Path, truths: list[dict]) -> Place:
    """Uploads the pictures, and searches the anonymized keys for the folders."""
    place = Place("folders with a disguised identifier, all in keep_folders", "folders")
    made = 0
    for truth in truths:
        key = Path(truth["file"]).name
        for kind, folder in disguises(truth["patient"]).items():
            at = demo.out / BUCKET / "disguised" / folder / key
            at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(pictures / truth["file"], at)
            status, _, rest = demo.post(notification(f"disguised/{folder}/{key}")).partition("\n")
            report = json.loads(rest[rest.index("{") :])["records"][0] if status == "200" else {}
            made += report.get("anonymized") in ("stored", "quarantined")
            kept = [
                path
                for bucket in demo.out.glob(f"{BUCKET}-*")
                if bucket.name != f"{BUCKET}-processed"
                for path in bucket.rglob("*")
                if path.is_dir() and path.name == folder
            ]
            place.add(truth["index"], [f"folder with {kind}"] if kept else [])
    if not made:
        place.found.append({"picture": None, "what": "no copy was made, so nothing was tested"})
    return place

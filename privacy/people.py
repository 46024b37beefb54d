"""Invents patients: names of 3 to 60 characters in several scripts, ids and dates."""

import unicodedata
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date, timedelta

# Family and given names. Any pair is a patient, so that no list of real ones is needed.
NAMES = {
    "latin": (
        "Abernethy Blomqvist Castellanos Dąbrowska Eldjárn Fitzgibbon Grünwald Håkansson Ibarretxe Jørgensen Kowalczyk L'Hermitte "
        "Müller-Lüdenscheidt Nyström O'Shaughnessy Pérez-Quiñones Quisenberry Rautavaara Søndergaard Tchaikovsky Ulvaeus Valença "
        "Wójcik Xanthopoulos Yıldırım Železný Ng Li Wu Cho Bäck Čapek Zbigniewska Papadimitriou Featherstonehaugh",
        "Agnieszka Bartholomew Célestine Dragomir Eleonóra François Guðrún Hélène Ignacio Joaquín Krzysztof Ludmila Małgorzata Nóra "
        "Ørjan Philippa Quentin Rosalía Stéphane Thérèse Ulrike Václav Wilhelmina Ximena Yngvar Zoë Bo Al Ida Jo Åsa Edeltraud",
    ),
    "greek": (
        "Παπαδοπούλου Χατζηγεωργίου Αντωνιάδης Κωνσταντινίδης Οικονόμου Βασιλείου Λάμπρου Ψαρράς",
        "Αικατερίνη Δημήτριος Ευάγγελος Ζωή Θεοδώρα Νικόλαος Ξένια Σπυρίδων",
    ),
    "cyrillic": (
        "Александрова Воробьёв Щербаков Кузнецова Жуковский Цветаева Їжакевич Мельниченко Юшкевич",
        "Анастасия Вячеслав Екатерина Фёдор Людмила Яків Юрий Олександра",
    ),
    "han": ("欧阳 王 李 张 陈 司马 诸葛 赵", "晓明 丽 建国 秀英 子涵 伟 雨桐"),
    "kana": ("山田 佐々木 長谷川 小笠原 ヤマモト タカハシ", "太郎 花子 さくら 健一 ケンジ ミユキ"),
    "hangul": ("김 이 박 최 남궁 선우", "서연 민준 지후 하은 영희 철수"),
    "arabic": ("العبدالله الحسيني المصري القحطاني بنجلون", "فاطمة محمود عبدالرحمن ليلى يوسف"),
    "hebrew": ("אבוטבול גולדשטיין פרידמן שוורצמן מזרחי", "אביגיל יהונתן מרדכי שושנה נועם"),
    "devanagari": ("शर्मा चट्टोपाध्याय श्रीवास्तव कुलकर्णी त्रिपाठी", "अनिता राजेश लक्ष्मी विवेक सुमित्रा"),
}
SHARES = {
    "latin": 68,
    "greek": 7,
    "cyrillic": 8,
    "han": 3,
    "kana": 3,
    "hangul": 2,
    "arabic": 3,
    "hebrew": 3,
    "devanagari": 3,
}
PARTICLES = ["de la", "von und zu", "van der", "y", "dos", "af"]
MAX_LENGTH = 60


@dataclass
class Patient:
    """The patient in the file name and on the picture."""

    script: str
    given: str
    family: str
    id: str
    birth: str
    exam: str

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}"

    def parts(self) -> list[str]:
        """Splits the name into words."""
        return "".join(c if c.isalnum() or _joins(c) else " " for c in self.name).split()

    def has_short_part(self) -> bool:
        """Reports whether the name has a word, or the id, of one or two characters.

        The pipeline then covers some markers on purpose, or all of them.
        """
        return any(len(part) <= 2 for part in self.parts()) or len(self.id) <= 2

    def as_dict(self) -> dict:
        """Returns the patient as it is stored in truth.json."""
        return asdict(self) | {
            "name": self.name,
            "parts": self.parts(),
            "short_part": self.has_short_part(),
        }


def is_withheld(patient: dict, says: str) -> bool:
    """Reports whether a marker, of a patient as in truth.json, could be a part of the name.

    The pipeline covers such markers on purpose: those of up to three letters with one of a short
    word, and those that initials spell. Arrows and rulers say nothing.
    """
    parts = [_folded(part) for part in patient["parts"]]
    short = [part for part in parts if len(part) <= 2]
    if len(patient["id"]) <= 2 or not all(part.isascii() for part in short):
        return True
    letters = says.lower()
    if 0 < len(letters) <= 3 and set(letters) & set("".join(short)):
        return True
    initials = Counter(part[0] for part in parts)
    return len(letters) > 1 and not Counter(letters) - initials


def _folded(word: str) -> str:
    """Returns a word in lower case without accents."""
    letters = (c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))
    # Hangul is put together again.
    return unicodedata.normalize("NFC", "".join(letters)).lower()


def _joins(character: str) -> bool:
    """Reports whether a character is a combining mark, such as a vowel sign."""
    return unicodedata.category(character) in ("Mn", "Mc")


def invent(rng, scripts, writes) -> Patient:
    """Invents a patient whose name can be written in one of the available scripts.

    `writes(script, text)` reports whether a font has all glyphs of a text.
    """
    names = [s for s in SHARES if s in scripts]
    weights = [SHARES[s] for s in names]
    script = names[int(rng.choice(len(names), p=[w / sum(weights) for w in weights]))]
    families, givens = (
        [name for name in text.split() if writes(script, name)] for text in NAMES[script]
    )
    family, given = str(rng.choice(families)), str(rng.choice(givens))
    if script == "latin" and rng.random() < 0.25:
        given, family = _long_name(rng, families, givens)
    elif script == "latin" and rng.random() < 0.08:
        given = given[0] + "."
    birth = date(1926, 1, 1) + timedelta(days=int(rng.integers(0, 82 * 365)))
    exam = date(2009, 1, 1) + timedelta(days=int(rng.integers(0, 16 * 365)))
    return Patient(script, given, family, patient_id(rng), birth.isoformat(), exam.isoformat())


def _long_name(rng, families, givens) -> tuple[str, str]:
    """Combines given and family names up to a random length."""
    length = int(rng.integers(24, MAX_LENGTH + 1))
    given, family = str(rng.choice(givens)), str(rng.choice(families))
    for _ in range(6):
        turn = rng.random()
        more = (given, family)
        if turn < 0.4:
            more = (f"{given} {rng.choice(givens)}", family)
        elif turn < 0.7:
            more = (given, f"{family}-{rng.choice(families)}")
        else:
            more = (given, f"{family} {rng.choice(PARTICLES)} {rng.choice(families)}")
        if len(more[0]) + 1 + len(more[1]) <= length:
            given, family = more
    return given, family


def patient_id(rng) -> str:
    """Invents a patient id: plain, with a prefix, with a check digit or in groups."""
    digits = "".join(str(int(d)) for d in rng.integers(0, 10, int(rng.integers(4, 10))))
    check = sum(int(d) * (i % 2 + 1) for i, d in enumerate(digits)) % 10
    letters = "".join(rng.choice(list("ABDGHKMNSTUVWZ"), 2))
    forms = [
        digits,
        f"{letters}{digits}",
        f"MRN{digits}",
        f"{digits}-{check}",
        f"{letters[0]}-{digits[:3]}-{digits[3:]}",
        f"{digits}.{check}",
    ]
    return forms[int(rng.integers(len(forms)))]

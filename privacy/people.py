"""Invented patients: names in several scripts and of 3 to 60 characters, ids with prefixes and check digits, dates."""

from dataclasses import asdict, dataclass
from datetime import date, timedelta

# Family names and given names; any pair of them makes a patient, so no list of real ones is needed.
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
SHARES = {"latin": 68, "greek": 7, "cyrillic": 8, "han": 3, "kana": 3, "hangul": 2, "arabic": 3, "hebrew": 3, "devanagari": 3}
PARTICLES = ["de la", "von und zu", "van der", "y", "dos", "af"]
LONGEST = 60


@dataclass
class Patient:
    """What the file name says, and what the picture shows."""

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
        """The words of the name, split as a reader would."""
        words = "".join(c if c.isalnum() or _joins(c) else " " for c in self.name).split()
        return words

    def has_short_part(self) -> bool:
        """Whether a mark of one or two letters could be a part of the name: then marks go on purpose."""
        return any(len(part) <= 2 for part in self.parts()) or len(self.id) <= 2

    def as_dict(self) -> dict:
        return asdict(self) | {"name": self.name, "parts": self.parts(), "short_part": self.has_short_part()}


def _joins(character: str) -> bool:
    """Vowel signs and the like, which belong to the letter before them."""
    import unicodedata

    return unicodedata.category(character) in ("Mn", "Mc")


def invent(rng, scripts, writes) -> Patient:
    """A patient whose name is in one of the scripts at hand, and of parts that can be written there: `writes(script, text)`."""
    names = [s for s in SHARES if s in scripts]
    weights = [SHARES[s] for s in names]
    script = names[int(rng.choice(len(names), p=[w / sum(weights) for w in weights]))]
    families, givens = ([name for name in text.split() if writes(script, name)] for text in NAMES[script])
    family, given = str(rng.choice(families)), str(rng.choice(givens))
    if script == "latin" and rng.random() < 0.25:
        given, family = _long(rng, families, givens)
    elif script == "latin" and rng.random() < 0.08:
        given = given[0] + "."
    birth = date(1926, 1, 1) + timedelta(days=int(rng.integers(0, 82 * 365)))
    exam = date(2009, 1, 1) + timedelta(days=int(rng.integers(0, 16 * 365)))
    return Patient(script, given, family, number(rng), birth.isoformat(), exam.isoformat())


def _long(rng, families, givens) -> tuple[str, str]:
    """More given and family names, as many as the length drawn for it allows."""
    wanted = int(rng.integers(24, LONGEST + 1))
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
        if len(more[0]) + 1 + len(more[1]) <= wanted:
            given, family = more
    return given, family


def number(rng) -> str:
    """A patient id: plain, with a prefix, with a check digit, in groups."""
    digits = "".join(str(int(d)) for d in rng.integers(0, 10, int(rng.integers(4, 10))))
    check = sum(int(d) * (i % 2 + 1) for i, d in enumerate(digits)) % 10
    letters = "".join(rng.choice(list("ABDGHKMNSTUVWZ"), 2))
    forms = [digits, f"{letters}{digits}", f"MRN{digits}", f"{digits}-{check}", f"{letters[0]}-{digits[:3]}-{digits[3:]}", f"{digits}.{check}"]
    return forms[int(rng.integers(len(forms)))]

"""A place that was searched for identifiers."""


class Place:
    """A place that was searched."""

    def __init__(self, name: str, unit: str):
        self.name, self.unit, self.count, self.found = name, unit, 0, []

    def add(self, index: int | None, found) -> None:
        """Counts one searched item and its findings."""
        self.count += 1
        self.found += [{"picture": index, "what": str(what)} for what in found]

    def as_dict(self) -> dict:
        """Returns the place as it is stored in elsewhere.json."""
        amount = f"{self.count} {self.unit}" if self.count else self.unit
        return {"place": self.name, "amount": amount, "found": self.found}

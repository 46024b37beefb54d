"""Runs the pipeline on a folder of pictures, each of which gets an anonymized copy if it may."""

import subprocess
from pathlib import Path

from attack import reports


def process(xray: str, app: str, folder: Path, key: str) -> dict[str, dict]:
    """Processes `folder`/pictures, and returns the reports by file.

    The copies, the reports and the log go to `folder`. `key` is the pseudonym key.
    """
    command = [xray, "process", folder / "pictures", "--from", app, "--json", "--quiet"]
    command += ["-o", folder / "copies", "--state-dir", folder / "state"]
    for setting in ("anonymize=all", f"pseudonym_key={key}"):
        command += ["--variable", setting]
    # It exits with an error when a picture is withheld.
    ran = subprocess.run(command, capture_output=True, text=True)
    (folder / "reports.jsonl").write_text(ran.stdout)
    (folder / "process.log").write_text(ran.stderr)
    return reports(folder / "reports.jsonl", folder / "pictures")

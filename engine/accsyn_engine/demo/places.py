"""Who is in the story and where everything lies: one folder, nothing outside of it."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

ADMIN, WORKFLOW, VENDOR = "andrea@geoscan.org", "workflow@geoscan.org", "jennifer@gda.com"
WORKSPACE, VOLUME, PROJECT, TASK = "geoscan", "production", "proj002", "DATASET_001_1203"
PACKAGE = (f"{PROJECT}/{TASK}", f"{PROJECT}/TO_VENDORS")
RESULT = f"{PROJECT}/FROM_VENDORS/{VENDOR}"
DOCUMENT = f"{PROJECT}_{TASK}.analyze"
COLUMNS = ("project", "task", "dataset path", "assignee", "status", "comment", "version", "job")


@dataclass(frozen=True)
class Places:
    """The folders of one run."""

    top: Path

    @property
    def engine(self) -> Path:
        """The engine's data folder."""
        return self.top / "engine"

    @property
    def ca(self) -> Path:
        """The certificate that everybody's programs trust."""
        return self.engine / "ca.pem"

    @property
    def studio(self) -> Path:
        """The studio's volume, on the machine alpha in the tutorial."""
        return self.top / "alpha" / VOLUME

    @property
    def vendor(self) -> Path:
        """The vendor's folder for that volume."""
        return self.top / "jennifer" / "GEOSCAN" / "Production"

    @property
    def sheet(self) -> Path:
        """The tracker: a task sheet."""
        return self.top / "alpha" / "tasks.csv"

    @property
    def logs(self) -> Path:
        """What every program printed."""
        return self.top / "logs"

    def environment(self) -> dict[str, str]:
        """What every program of the story gets: nothing of the caller's own accsyn settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ACCSYN_", "AS_DEV"))}
        config = self.top / "accsyn.toml"
        return {**kept, "ACCSYN_CONFIG": str(config), "ACCSYN_STATE": str(self.top / "state"), "NO_COLOR": "1"}

    def prepare(self) -> None:
        """Make the folders, the sheet with one task that nobody has yet, and an empty configuration."""
        for folder in (self.studio, self.vendor, self.top / "state"):
            folder.mkdir(parents=True)
        (self.top / "accsyn.toml").touch()
        self.write_row({"project": PROJECT, "task": TASK, "dataset path": TASK, "status": "ready"})

    def write_row(self, row: dict[str, str]) -> None:
        """Save the sheet the way an office program does: a new file in place of the old one."""
        part = self.sheet.with_name(f"{self.sheet.name}.saving")
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*COLUMNS, *(name for name in row if name not in COLUMNS)])
            writer.writeheader()
            writer.writerow(row)
        part.replace(self.sheet)

    def row(self) -> dict[str, str]:
        """The task's row as it stands in the sheet."""
        with self.sheet.open(encoding="utf-8-sig", newline="") as file:
            return dict(next(csv.DictReader(file)))

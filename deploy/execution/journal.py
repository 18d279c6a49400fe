"""The journal of a deployment: one JSON line for each step, for people."""

import json
from datetime import UTC, datetime
from pathlib import Path

NAME = "journal.jsonl"


class Journal:
    """An append-only file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    @property
    def path(self) -> Path:
        """The path of the file."""
        return self._path

    def write(self, step: str, outcome: str, detail: str = "") -> None:
        """Append one line."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        value_at = datetime.now(UTC).isoformat(timespec="seconds")
        line = {"at": value_at, "step": step, "outcome": outcome}
        if detail:
            line["detail"] = detail
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def unfinished(self) -> str | None:
        """Return the step at which the last run failed, None where it did not."""
        if not self._path.exists():
            return None
        lines = self._path.read_text("utf-8").splitlines()
        last = json.loads(lines[-1]) if lines else {}
        return last["step"] if last.get("outcome") == "failed" else None

"""The figures of the faults that were tried, as a table and as a file for docs/make_results.py."""

import json
from pathlib import Path
from statistics import median

from asc_nas.core.files import write_text

COLUMNS = ["fault", "tried", "survived", "work lost, s: median", "most", "test"]
TITLE = "Faults"
ABOUT = (
    "Survived means: the command ended with one sentence or not at all (killed), left no process "
    "and no temporary file, and the same command then went on to the same bytes as without the "
    "fault. Not compared are the times in int8 cards and in the event log, and there the order of "
    "what was done side by side.",
    "Work lost is the time on the processor of both calls, less that of a call without a fault. "
    "The set is tiny: a whole run takes three seconds.",
    "A damaged file is survived if a command that reads it ends in one sentence, names it and does "
    "the rest, or gives the same as without the damage.",
)


def table(tried):
    """Return a row per kind, by test and name."""
    rows = []
    for kind in {fault["kind"] for fault in tried}:
        of_kind = [fault for fault in tried if fault["kind"] == kind]
        lost = [seconds for fault in of_kind for seconds in fault["lost"]]
        told = [f"{median(lost):.2f}", f"{max(lost):.2f}"] if lost else ["", ""]
        survived = sum(fault["survived"] for fault in of_kind)
        rows.append([kind, len(of_kind), survived, *told, of_kind[0]["test"]])
    return sorted(rows, key=lambda row: (row[-1], row[0]))


def write_results(tried, path):
    """Write the table as docs/make_results.py reads it."""
    measured = {
        "title": "What was tried",
        "data": "built-in synthetic set, 36 clips",
        "command": ["make faults"],
        "columns": COLUMNS,
        "rows": [[*row[:-1], f"`{row[-1]}`"] for row in table(tried)],
    }
    document = {"format": "asc-nas/results/1", "title": TITLE, "about": ABOUT}
    document |= {"claims": [], "tables": [measured]}
    write_text(Path(path), json.dumps(document, indent=2) + "\n")

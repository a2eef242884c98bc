"""JSON documents as a person edits them: without the checksum of what was written."""

import json


def document(path):
    """Return what a document holds, to be changed and written again."""
    values = json.loads(path.read_text(encoding="utf-8"))
    values.pop("checksum", None)
    return values

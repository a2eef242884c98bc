"""What the pages of the package have in common: their colours, and scripts that a policy names."""

import base64
import hashlib
from importlib.resources import files


def colours() -> str:
    """Return the colours of every page as CSS variables, for light and dark."""
    return (files("asc_nas.core") / "colours.css").read_text(encoding="utf-8")


def csp_hash(script: str) -> str:
    """Return how a content security policy names a script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"

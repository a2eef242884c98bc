"""The audit tells what is known, and does not take silence for a clean bill."""

import importlib.machinery
import importlib.util
from pathlib import Path

AUDIT = Path(__file__).resolve().parents[1] / ".ci" / "audit"


def told(packages):
    loader = importlib.machinery.SourceFileLoader("audit", str(AUDIT))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("audit", loader))
    loader.exec_module(module)
    return module.told([package for package in packages if "vulns" in package], len(packages))


def test_a_vulnerability_with_a_fix_is_named():
    vulns = [{"id": "X-1", "fix_versions": ["2.0"]}, {"id": "X-2", "fix_versions": []}]
    assert told([{"name": "a", "version": "1.0", "vulns": vulns}, {"name": "b"}]) == [
        "audit: a 1.0: X-1, fixed in 2.0",
        "audit: 1 of 2 packages checked, 2 vulnerabilities, 1 of them with a fix.",
    ]


def test_packages_that_the_service_does_not_know_are_not_called_checked():
    (line,) = told([{"name": "a", "skip_reason": "not found"}])
    assert "knew none of 1 packages; nothing checked" in line

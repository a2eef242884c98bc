"""The meta file of a system, in the form of each year's template.

The keys of 2024 are those that the organisers' validator asks for
(https://github.com/toni-heittola/dcase2024_task1_submission_validator), but for the results: the
task asks for those of every split, so they stand under ``split_5`` and so on, where the validator
knows one split only. The keys of 2025 are those of the meta files that were handed in then.
"""

from typing import Any

import yaml

from asc_nas.run.dcase_report import TODO
from asc_nas.run.submission.contents import About, Entry, largest
from asc_nas.run.submission.interface import GENERAL
from asc_nas.run.submission.rules import Rules

_SAID = """\
# {label}, DCASE {rules.year} Task 1. Made by 'asc-nas submit': change about.yaml, not this file.
# Accuracies are in %, the overall one is the mean of the classes. Compare the keys with the
# template of {rules.page}
"""


def meta_text(entries: list[Entry], about: About, rules: Rules) -> str:
    """Return the meta file of one system.

    Parameters
    ----------
    entries : of this system, one per split
    """
    first = entries[-1]
    write = {2024: _of_2024, 2025: _of_2025}[rules.year]
    document = {
        "submission": {
            "label": first.label,
            "name": about.names.get(first.label, TODO),
            "abbreviation": about.abbreviations.get(first.label, TODO),
            "authors": [author.model_dump(mode="json") for author in about.authors],
        },
        **write(entries, about),
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return _SAID.format(label=first.label, rules=rules) + text


def unfinished(meta: str) -> list[str]:
    """Return the keys of a meta file that are still to be filled in."""
    return list(_todo(yaml.safe_load(meta), ""))


def _todo(value: Any, path: str) -> list[str]:
    if isinstance(value, dict):
        return [key for k, v in value.items() for key in _todo(v, f"{path}.{k}" if path else k)]
    if isinstance(value, list):
        return [key for v in value for key in _todo(v, path)]
    return [path] if value == TODO else []


def _of_2024(entries: list[Entry], about: About) -> dict[str, Any]:
    first = entries[-1]
    cost, members = largest(entries), _members(first)
    described = {
        **first.description,
        "external_data_usage": about.external_data_usage,
        "embeddings": None,
        "ensemble_method_subsystem_count": None if members == 1 else members,
        "decision_making": None if members == 1 else "average",
    }
    return {
        "system": {
            "description": described,
            "complexity": {
                "total_model_size": cost["param_bytes"],
                "total_parameters": cost["params"],
                "total_parameters_non_zero": cost["non_zero"],
                "memory_use": None,
                "macs": cost["macs"],
            },
            "energy_consumption": about.energy_consumption.model_dump(mode="json"),
            "external_datasets": _external(about),
            "source_code": about.source_code,
        },
        "results": {
            "development_dataset": {
                f"split_{entry.split}": entry.results["general"] for entry in entries
            }
        },
    }


def _of_2025(entries: list[Entry], about: About) -> dict[str, Any]:
    (entry,) = entries
    cost, own = largest(entries), len(entry.networks) - 1
    described = {
        **entry.description,
        "external_data_usage": about.external_data_usage,
        "device_information": "networks of single devices" if own else None,
        "num_models_at_inference": len(entry.networks) * _members(entry),
        "model_weight_sharing": "fully device-specific" if own else "fully shared",
    }
    return {
        "system": {
            "inference_code": about.inference_code,
            "source_code": about.source_code,
            "description": described,
            "complexity": {
                "total_model_size": cost["param_bytes"],
                "total_parameters": cost["params"],
                "macs": cost["macs"],
            },
            "external_datasets": _external(about),
        },
        "results": {"development_dataset": entry.results},
    }


def _members(entry: Entry) -> int:
    """Return how many networks answer together for a clip."""
    return len(entry.networks[GENERAL].get("seeds", [0]))  # entries of 0.1 have one seed


def _external(about: About) -> list[dict[str, Any]]:
    return [dataset.model_dump(mode="json") for dataset in about.external_datasets]

"""What a submission holds so far, and what only its authors know."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field

from asc_nas.core.config import Config, read_yaml
from asc_nas.core.documents import Document, Part
from asc_nas.core.errors import UsageError
from asc_nas.core.files import write_text
from asc_nas.run.dcase_report import TODO
from asc_nas.run.submission.rules import Rules


class Entry(Part):
    """One system, trained on one split.

    Attributes
    ----------
    label, split, module, run : str
    networks : dict
        By device, or ``general``: its genotype, seeds, and what it costs (macs, params,
        param_bytes).
    numeric_type : str
        Of the parameters: float32, float16 or int8.
    description : dict
        What the run knows of it, in the words of the meta file.
    results : dict
        On the test clips, of ``general`` (that network for all devices) and, with networks for
        single devices, of ``device_specific``: overall, class_wise, device_wise.
    layers : list of [name, params, macs]
        Of the general network.
    """

    label: str
    split: str
    module: str
    run: str
    networks: dict[str, dict[str, Any]]
    numeric_type: str
    description: dict[str, Any]
    results: dict[str, Any]
    layers: list[list[Any]]


def largest(entries: Iterable[Entry]) -> dict[str, int]:
    """Return what the largest network of all entries costs, each number by itself."""
    costs = [cost for entry in entries for cost in entry.networks.values()]
    keys = ("macs", "params", "param_bytes", "non_zero")
    return {key: max(cost.get(key, cost["params"]) for cost in costs) for key in keys}


class Contents(Document):
    """``submission.json``: all systems of a team."""

    format_name = "asc-nas/submission/1"

    year: int
    package: str
    entries: list[Entry] = Field(default_factory=list)

    def with_entry(self, entry: Entry) -> "Contents":
        """Return the contents with an entry in the place of an older one."""
        key = (entry.label, entry.split)
        others = [each for each in self.entries if (each.label, each.split) != key]
        entries = sorted([*others, entry], key=lambda each: (each.label, int(each.split)))
        return self.model_copy(update={"entries": entries})


class Affiliation(Config):
    """Where an author works."""

    abbreviation: str = TODO
    institute: str = TODO
    department: str | None = TODO
    location: str = TODO


class Author(Config):
    """One of the authors."""

    lastname: str = TODO
    firstname: str = TODO
    email: str = TODO
    corresponding: bool = False
    affiliation: Affiliation = Affiliation()


class ExternalDataset(Config):
    """Data or networks that a system was made with, beside the development set."""

    name: str
    url: str
    total_audio_length: float | None = None


class EnergyConsumption(Config):
    """In kWh."""

    training: float | str | None = TODO
    inference: float | str | None = TODO
    baseline_inference: float | str | None = TODO


class About(Config):
    """``about.yaml``: what a run does not know; the authors fill it in."""

    names: dict[str, str] = Field(default_factory=dict)
    abbreviations: dict[str, str] = Field(default_factory=dict)
    authors: tuple[Author, ...] = (Author(corresponding=True),)
    source_code: str | None = TODO
    inference_code: str | None = TODO
    energy_consumption: EnergyConsumption = EnergyConsumption()
    external_data_usage: str | None = None
    external_datasets: tuple[ExternalDataset, ...] = ()


_HEADER = """\
# What asc-nas does not know about your submission. Fill in every TODO and call 'asc-nas submit'
# again: the meta files and the zip take what stands here. null says that there is none.
# Names may be long; an abbreviation has {rules.max_abbreviation} characters at most.
# external_data_usage: dataset, embeddings or pre-trained model, say. external_datasets: a list of
# name, url, total_audio_length (in minutes).
"""


def read_about(path: Path, rules: Rules, labels: list[str]) -> About:
    """Return what the authors have written; the file is made, and told new labels, if need be.

    Raises
    ------
    UsageError
        If a key is misspelt, a value is of a wrong type, or an abbreviation is too long.
    """
    about = About.parse(read_yaml(path), str(path)) if path.exists() else About()
    for label, text in about.abbreviations.items():
        if len(text) > rules.max_abbreviation:
            raise UsageError(
                f"{path}: the abbreviation '{text}' of {label} has {len(text)} characters; at most "
                f"{rules.max_abbreviation} are allowed."
            )
    new = [label for label in labels if label not in about.abbreviations]
    if new or not path.exists():
        todo = dict.fromkeys(new, TODO)
        about = about.model_copy(
            update={
                "names": {**todo, **about.names},
                "abbreviations": {**todo, **about.abbreviations},
            }
        )
        values = about.model_dump(mode="json", exclude=set(rules.unasked))
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        write_text(path, _HEADER.format(rules=rules) + text)
    return about

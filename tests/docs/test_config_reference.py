"""docs/CONFIG.md is that of the code, and holds every setting that can be given."""

import re
import runpy
from typing import get_args

import pytest
import yaml
from documented import PAGES, ROOT

from asc_nas.core.config import Config
from asc_nas.run.config import RunConfig

PAGE = (ROOT / "docs" / "CONFIG.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
KEYS = {key for row in ROWS for key in re.findall(r"`(.+?)`", row)}
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def classes_in(annotation):
    """List the settings classes that a run's config can hold, each once."""
    if isinstance(annotation, type) and issubclass(annotation, Config):
        inner = [field.annotation for field in annotation.model_fields.values()]
        inner += annotation.__subclasses__()
        return list(dict.fromkeys([annotation, *(c for a in inner for c in classes_in(a))]))
    return [found for argument in get_args(annotation) for found in classes_in(argument)]


def keys_in(values, place=""):
    """Yield the dotted keys of plain settings as the page writes them."""
    for name, value in values.items():
        key = f"{place}NAME" if place == "baselines." else place + name
        if isinstance(value, dict):
            yield from keys_in(value, f"{key}.")
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from (inner for group in value for inner in keys_in(group, f"{key}[]."))
        else:
            yield key


def missing(keys):
    return sorted(set(keys) - KEYS)


def test_the_page_is_what_the_script_makes():
    script = runpy.run_path(str(ROOT / "docs" / "make_config_reference.py"))
    assert script["reference"]() == PAGE, "run: python docs/make_config_reference.py"


@pytest.mark.parametrize("settings", classes_in(RunConfig), ids=lambda c: c.__name__)
def test_every_setting_says_more_than_its_name(settings):
    for name, field in settings.model_fields.items():
        words = set(re.findall(r"[a-z]{3,}", (field.description or "").lower()))
        assert len(words - set(name.split("_"))) >= 3, name


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
def test_every_setting_of_a_config_stands_on_the_page(config):
    assert missing(keys_in(yaml.safe_load(config.read_text(encoding="utf-8")))) in (
        [],
        ["skeleton.like"],
    )


def test_every_setting_in_an_example_stands_on_the_page():
    texts = [path.read_text(encoding="utf-8") for path in (*PAGES, *CONFIGS)]
    examples = {key for text in texts for key in re.findall(r"--set\s+\"?([a-z_.]+)=", text)}
    assert len(examples) > 20
    assert missing(examples) == []

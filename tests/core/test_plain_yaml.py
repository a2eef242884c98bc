"""YAML from a stranger: bounded before anything is made of it, and one sentence."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from peak_memory import peak
from pydantic import field_validator

from asc_nas.core.config import Config, apply_overrides, read_yaml
from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.plain_yaml import parse_yaml
from asc_nas.search.pareto import ParetoSet

NINE = "[" + ", ".join("x" * 9) + "]"


def lists_of_lists(times):
    lines = [f"a0: &a0 {NINE}"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, times)]
    return "\n".join(lines)


def merged(times):
    lines = ["a0: &a0 {x: 1}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, times)]
    return "\n".join(lines)


REFUSED = {
    "aliases of aliases": (lists_of_lists(40), "more than 50,000 values"),
    "merges of merges": (merged(40), "more than 50,000 values"),
    "an alias within itself": ("a: &a [*a]", "within what it stands for"),
    "a merge of itself": ("a: &a {<<: *a}", "within what it stands for"),
    "lists in lists": ("a: " + "[" * 100_000, "nested more than 20 levels"),
    "mappings in mappings": ("{a: " * 5000 + "1" + "}" * 5000, "nested more than 20 levels"),
    "dashes": ("- " * 5000, "nested more than 20 levels"),
    "a long number": ("seed: " + "9" * 5000, "a number of 5,000 characters"),
    "a long number of base 16": ("seed: 0x" + "f" * 100_000, "a number of 100,002 characters"),
    "a long number of base 60": ("a: " + ":".join(["59"] * 4000) + ".5", "a number of 12,001"),
    "no number": ("a: !!int x", "'x' does not fit"),
    "half a number": ("a: 0x_", "'0x_' does not fit"),
    "no truth value": ("a: !!bool q", "'q' does not fit"),
    "code": ("a: !!python/object/apply:os.system [ls]", "python/object"),
    "binary": ("a: !!binary aGk=", "binary"),
    "a set": ("a: !!set {x}", "set"),
    "a date by its tag": ("a: !!timestamp q", "timestamp"),
    "a key twice": ("name: a\nseed: 1\nname: b\n", "the key 'name' stands twice"),
    "NUL": ("name: a\0b", "special characters"),
    "a mapping as key": ("{{a: 1}: b}", "unhashable"),
    "two millions of characters": ("a: " + "x" * 2_000_000, "1,048,576"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_no_settings_need_is_one_sentence(tmp_path, case):
    text, told = REFUSED[case]
    with pytest.raises(yaml.YAMLError, match=told):
        parse_yaml(text)
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_yaml(path)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(path))
    if "\n" not in text and "\0" not in text and len(text) < 9999:
        with pytest.raises(UsageError):
            apply_overrides({}, [f"a={text}"])


@pytest.mark.parametrize("text", ["2026-01-01", "2026-99-99", "2001-12-14t21:59:43.10-05:99"])
def test_a_date_is_text(text):
    assert parse_yaml(f"name: {text}") == {"name": text}


def test_aliases_and_merges_still_do_what_they_say():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a\nd: {<<: &e {<<: *a, x: 5}, z: *e}"
    assert parse_yaml(text) == yaml.safe_load(text)
    assert parse_yaml(lists_of_lists(4)) == yaml.safe_load(lists_of_lists(4))


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
SETTINGS = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(SETTINGS)
def test_plain_data_is_what_pyyaml_makes_of_it(values):
    text = yaml.safe_dump(values, allow_unicode=True)
    assert parse_yaml(text) == yaml.safe_load(text)


def test_half_a_character_is_one_sentence(tmp_path):
    class Named(Config):
        name: str

        @field_validator("name", mode="before")
        @classmethod
        def _refuse(cls, value):
            raise ValueError(f"'{value}' is no name")

    with pytest.raises(UsageError, match=r"made: holds half a character"):
        Named.parse(parse_yaml('name: "\\ud800"'), "made")


def test_half_a_character_in_a_document_is_one_sentence(tmp_path):
    member = {"id": 0, "genotype": "\ud800", "macro_f1": 0.5, "macs": 1, "params": 1}
    path = tmp_path / "pareto.json"
    path.write_text(json.dumps({"format": "asc-nas/pareto/1", "members": [member]}))
    with pytest.raises(AscNasError, match=r"pareto\.json: holds half a character"):
        ParetoSet.read(path)


def test_a_count_of_hundreds_of_digits_is_one_sentence(tmp_path):
    member = {"id": 0, "genotype": "skip", "macro_f1": 0.5, "macs": 10**400, "params": 1}
    path = tmp_path / "pareto.json"
    path.write_text(json.dumps({"format": "asc-nas/pareto/1", "members": [member]}))
    with pytest.raises(AscNasError, match=r"pareto\.json: .*members\.0\.macs"):
        ParetoSet.read(path)


def test_a_small_file_that_stands_for_gigabytes_costs_little(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(merged(30) + "\n" + lists_of_lists(30).replace("a", "b"))
    told, megabytes = peak(
        "from asc_nas.core.config import read_yaml\nread_yaml(Path(sys.argv[1]))", path
    )
    assert "more than 50,000 values" in told
    assert megabytes < 200


def test_a_file_of_gigabytes_is_not_read(tmp_path):
    path = tmp_path / "c.yaml"
    with path.open("wb") as sparse:
        sparse.truncate(2**34)
    with pytest.raises(UsageError, match="larger than any config"):
        read_yaml(path)

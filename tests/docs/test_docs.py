"""The documentation agrees with the program: commands, options, settings, links."""

import importlib.util
import re
from pathlib import Path

import pytest
import typer
import yaml
from documented import PAGES, ROOT, Command, commands, links, literal_calls, mentions, resolve
from typer.testing import CliRunner

import asc_nas
from asc_nas.cli.main import app
from asc_nas.core.config import apply_overrides, read_yaml
from asc_nas.run.config import RunConfig
from asc_nas.run.foreign_teachers import Adapter

TYPED = [command for page in PAGES for command in commands(page)]
CHEAP = (("doctor",), ("data", "list"), ("models", "list"))


def ids(values):
    return [str(value) for value in values]


def parse(arguments):
    """Let the command line read the arguments, without running anything; return the values."""
    command, path, rest = resolve(arguments)
    try:
        return command.make_context(path, rest).params
    except typer.Exit:  # --help, --version
        return {}


@pytest.mark.parametrize("command", TYPED, ids=ids(TYPED))
def test_a_command_to_type_is_one_that_the_command_line_takes(command):
    values = parse(command.arguments)
    config = values.get("config")
    if config is not None and Path(config).parts[0] == "configs":
        settings = apply_overrides(read_yaml(ROOT / config), values.get("settings") or [])
        RunConfig.parse(settings, str(config))


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (["classify", "a.wav", "--modle", "x"], "--modle"),
        (["models", "shwo", "x"], "shwo"),
        (["classify"], "(?i:files)"),
    ],
)
def test_a_call_that_the_command_line_refuses_is_noticed(wrong, named):
    with pytest.raises(Exception, match=named):
        parse(wrong)


MENTIONED = [command for page in PAGES for command in mentions(page)]


@pytest.mark.parametrize("command", MENTIONED, ids=ids(MENTIONED))
def test_a_command_in_running_text_exists_with_its_options(command):
    found, _, rest = resolve(command.arguments)
    known = {flag for param in found.params for flag in (*param.opts, *param.secondary_opts)}
    used = {argument.partition("=")[0] for argument in rest if argument.startswith("--")}
    assert used <= known | {"--help"}


SETTINGS = [
    (page, block)
    for page in PAGES
    for block in re.findall(r"^```yaml\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
]


@pytest.mark.parametrize(("page", "block"), SETTINGS, ids=[page.stem for page, _ in SETTINGS])
def test_settings_that_a_page_shows_are_taken(page, block):
    given = yaml.safe_load(block)
    if "output" in given:  # what an ONNX model of others hears
        Adapter.parse(given, str(page))
        return
    values = read_yaml(ROOT / "configs" / "folders.yaml")
    for key, value in given.items():
        both = isinstance(value, dict) and isinstance(values.get(key), dict)
        values[key] = values[key] | value if both else value
    RunConfig.parse(values, str(page))


@pytest.mark.parametrize("page", PAGES, ids=[p.relative_to(ROOT).as_posix() for p in PAGES])
def test_every_linked_file_exists(page):
    assert [t for t in links(page) if not (page.parent / t).exists()] == []


RUN = sorted(
    {c.arguments for c in TYPED if c.arguments[:2] in CHEAP or c.arguments[:1] in CHEAP}
    | {c.arguments for c in TYPED if "--help" in c.arguments}
)


@pytest.mark.parametrize("arguments", RUN, ids=" ".join)
def test_a_cheap_command_runs(arguments):
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    assert done.output.strip()


def test_the_reference_of_the_command_line_is_that_of_the_code():
    script = ROOT / "docs" / "make_cli_reference.py"
    spec = importlib.util.spec_from_file_location("make_cli_reference", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "CLI.md").read_text(encoding="utf-8")
    assert written == module.reference(), "run: python docs/make_cli_reference.py"


def test_blocks_pipes_comments_and_transcripts_are_read(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\narecord | asc-nas listen -   # a pipe\n```\n"
        "```sh\nasc-nas run a \\\n  --resume\npip list\n```\n"
        "```\n$ asc-nas doctor\nasc-nas is what it prints\n```\n"
        "```python\nasc-nas = 1\n```\n"
        'Type `asc-nas train RUN "t5e2w1 f3"`, see [here](a.md#top).\n'
    )
    found = [command.arguments for command in commands(page)]
    assert found == [("listen", "-"), ("run", "a", "--resume"), ("doctor",)]
    assert mentions(page) == [Command(page, ("train", "RUN", "t5e2w1 f3"))]
    assert links(page) == ["a.md"]


def test_every_command_has_the_test_that_runs_it_named():
    table = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `asc-nas ([^`]+)` \| `([^`]+)` \|", table, re.MULTILINE)
    listed = dict(rows)
    groups = [((), typer.main.get_command(app))]
    names = set()
    for path, group in groups:  # grows while it is read
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                groups.append(((*path, name), command))
            else:
                names.add(" ".join((*path, name)))
    assert set(listed) == names
    for name, path in listed.items():
        if path == "tests/docs/test_tutorial.py":
            calls = [command.arguments for command in commands(ROOT / "docs" / "TUTORIAL.md")]
        else:
            calls = literal_calls((ROOT / path).read_text(encoding="utf-8"))
        assert any(has(call, name.split()) for call in calls), f"{path} does not call '{name}'"


def has(call, words):
    """Tell whether the words follow one another among the arguments."""
    return any(list(call[i : i + len(words)]) == words for i in range(len(call)))


def test_calls_in_the_source_of_a_test_are_read():
    source = """
def models(*arguments):
    return CliRunner().invoke(app, ["models", *arguments])

def test_it():
    models("show", "x")
    asc_nas("latency", folder, "kit")
"""
    calls = literal_calls(source)
    assert any(has(call, ["models", "show"]) for call in calls)
    assert not any(has(call, ["models", "list"]) for call in calls)
    assert not any(has(call, ["latency", "kit"]) for call in calls)


def test_the_citation_is_the_version_and_names_the_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == asc_nas.__version__
    numbers = {n["value"] for r in citation["references"] for n in r["identifiers"]}
    papers = "1912.12825 1907.01845 2001.05887 2003.09821 1908.01314"
    assert numbers == {f"arXiv:{n}" for n in papers.split()}


def test_pictures_are_small():
    pictures = [p for p in (ROOT / "docs" / "images").iterdir() if p.is_file()]
    assert pictures
    assert [p for p in map(Path, pictures) if p.stat().st_size > 60_000] == []

"""The pages of results are made from results/*.json, and what the files say is consistent."""

import importlib.util
import re

import pytest
from documented import ROOT, Command, commands, resolve

SCRIPT = ROOT / "docs" / "make_results.py"
spec = importlib.util.spec_from_file_location("make_results", SCRIPT)
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)

PAGES = made.pages()
TOPICS = made.load("overview")["topics"]
CLAIMS = [(name, claim) for name in TOPICS for claim in made.load(name)["claims"]]
TABLES = [(name, table) for name in (*TOPICS, "overview") for table in made.load(name)["tables"]]
NOTEBOOK = ROOT / "docs" / "NOTEBOOK.md"


def names(pairs, key):
    return [f"{name}: {value[key]}" for name, value in pairs]


def slugs(text):
    """List the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_is_what_the_script_makes_of_the_figures(page):
    assert page.read_text(encoding="utf-8") == PAGES[page], "run: python docs/make_results.py"


def test_every_file_of_figures_has_its_page_and_no_page_is_left_over():
    files = {path.stem for path in made.SOURCE.glob("*.json")}
    assert files == {*TOPICS, "overview"}
    assert {path.stem for path in (ROOT / "docs" / "results").iterdir()} == set(TOPICS)


def test_a_number_keeps_its_digits(tmp_path, monkeypatch):
    monkeypatch.setattr(made, "SOURCE", tmp_path)
    (tmp_path / "a.json").write_text('{"format": "asc-nas/results/1", "rows": [[0.950, 121304]]}')
    assert [made._cell(value) for value in made.load("a")["rows"][0]] == ["0.950", "121,304"]
    (tmp_path / "a.json").write_text('{"format": "asc-nas/results/2"}')
    with pytest.raises(ValueError, match="asc-nas/results/2"):
        made.load("a")


@pytest.mark.parametrize(("name", "table"), TABLES, ids=names(TABLES, "title"))
def test_a_row_has_as_many_cells_as_columns(name, table):
    assert {len(row) for row in table["rows"]} <= {len(table["columns"])}
    assert set(table) <= {"title", "text", "data", "seeds", "command", "columns", "rows", "notes"}


@pytest.mark.parametrize(("name", "claim"), CLAIMS, ids=names(CLAIMS, "claim"))
def test_a_claim_is_complete_and_its_figures_are_in_its_topic(name, claim):
    assert set(claim) == {"part", *made.CLAIM}
    assert claim["part"] in made.PARTS
    page = PAGES[made.DOCS / "results" / f"{name}.md"]
    figure = re.compile(r"\d+(?:[.,]\d+)*")
    assert set(figure.findall(claim["figure"])) <= set(figure.findall(page))


COMMANDS = [(name, claim["command"]) for name, claim in CLAIMS]
COMMANDS += [(name, line) for name, table in TABLES for line in table.get("command", ())]


@pytest.mark.parametrize(("name", "command"), sorted(set(COMMANDS)))
def test_a_command_can_be_typed(name, command, tmp_path):
    program, first = command.split()[:2]
    if program == "python":
        assert (ROOT / first).is_file()
    elif program == "make":
        assert f"\n{first}:" in (ROOT / "Makefile").read_text(encoding="utf-8")
    else:
        page = tmp_path / "page.md"
        page.write_text(f"```sh\n{command}\n```\n", encoding="utf-8")
        (found,) = commands(page)
        assert isinstance(found, Command)
        called, path, rest = resolve(found.arguments)
        called.make_context(path, rest)


@pytest.mark.parametrize("page", [*PAGES, NOTEBOOK], ids=lambda page: page.name)
def test_a_link_to_a_section_finds_it(page):
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)\s#]*)#([^)\s]+)\)", text):
        linked = page.parent / target if target else page
        assert anchor in slugs(linked.read_text(encoding="utf-8")), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_wrapped_line_is_taken_for_a_list_or_a_heading(page):
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r" *(\+|\*|\d+[.)]) |  +[-#]+ ", line)] == []


def test_every_section_of_the_notebook_says_why_it_is_there():
    sections = NOTEBOOK.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [s.splitlines()[0] for s in sections if "\n\n**Why here:** " not in s] == []


@pytest.mark.parametrize("folder", ["benchmarks", "studies"])
def test_the_scripts_of_a_folder_are_those_that_its_page_lists(folder):
    text = (ROOT / folder / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+\.py)", text, re.MULTILINE)
    assert sorted(rows) == sorted(path.name for path in (ROOT / folder).glob("*.py"))


@pytest.mark.parametrize("page", [*PAGES, NOTEBOOK], ids=lambda page: page.name)
def test_a_file_of_the_project_that_a_page_names_exists(page):
    named = re.findall(
        r"\b(?:tests|studies|benchmarks|configs)/[\w/]+\.(?:py|yaml)",
        page.read_text(encoding="utf-8"),
    )
    assert [path for path in named if not (ROOT / path).is_file()] == []

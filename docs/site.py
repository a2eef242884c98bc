"""Pages of the site that lie outside docs: README, CHANGELOG, CONTRIBUTING; see mkdocs.yml."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
}
LINK = re.compile(r"(?P<text>\[[^\]]*\])\((?P<target>[^)#:]+)(?P<anchor>#[^)]*)?\)")
SHIM = "https://unpkg.com/iframe-worker/shim"
IMAGE = re.compile(r'src="docs/')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside docs."""
    for source, page in PAGES.items():
        text = IMAGE.sub('src="', (ROOT / source).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=_linked(text, ROOT)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to what the site does not hold, such as code, into plain text."""
    source = page.file.abs_src_path
    return _linked(markdown, Path(source).parent) if source else markdown


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Let the search find its helper here: nothing is fetched from elsewhere."""
    return output.replace(SHIM, get_relative_url("javascripts/iframe-worker.js", page.url))


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    """Do the same on the page for addresses that are not there."""
    return output.replace(SHIM, "javascripts/iframe-worker.js")


def _linked(markdown: str, folder: Path) -> str:
    """Return `markdown`, of a file in `folder`, with its links as they are on the site."""
    docs, at = (
        ROOT / "docs",
        "" if folder == ROOT else "../" * len(folder.relative_to(ROOT).parts[1:]),
    )

    def target(link: re.Match[str]) -> str:
        file = (folder / link["target"]).resolve()
        if not file.exists():
            return link[0]  # mkdocs says what is wrong
        name = str(file.relative_to(ROOT))
        if name in PAGES:
            return f"{link['text']}({at}{PAGES[name]}{link['anchor'] or ''})"
        if not file.is_relative_to(docs):
            return f"{link['text'][1:-1]}"
        if folder == ROOT:
            return f"{link['text']}({file.relative_to(docs)}{link['anchor'] or ''})"
        return link[0]

    return LINK.sub(target, markdown)

"""The report of a run as tests gather it, and its page as a reader sees it."""

import re
from html import unescape

from asc_nas.run.folder import RunFolder
from asc_nas.run.gather.report import gather_report
from asc_nas.run.paths import RunPaths


def gather(whole_run, folder, objectives=None, **options):
    config = whole_run.config
    if objectives is not None:
        config = config.model_copy(
            update={"search": config.search.model_copy(update={"objectives": objectives})}
        )
    run = RunFolder(config, RunPaths(folder))
    return gather_report(
        run, shown_as=str(folder), check_file=folder / "data/check.json", **options
    )


def without_scripts(html):
    return re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)


def text_of(html):
    """Return what a reader sees, with one space between words."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", without_scripts(html))).split())

"""The ``asc-nas`` command: its subcommands, and what a user sees of an error."""

import os
import sys
from typing import Annotated

import typer

from asc_nas import __version__
from asc_nas.cli.commands import (
    data,
    export,
    features,
    latency,
    models,
    rank,
    run,
    search,
    supernet,
    train,
)
from asc_nas.cli.commands.adapt import adapt
from asc_nas.cli.commands.classify import classify
from asc_nas.cli.commands.crossval import crossval
from asc_nas.cli.commands.doctor import doctor
from asc_nas.cli.commands.evaluate import evaluate
from asc_nas.cli.commands.init import init
from asc_nas.cli.commands.listen import listen
from asc_nas.cli.commands.page import page
from asc_nas.cli.commands.report import report
from asc_nas.cli.commands.ship import ship
from asc_nas.cli.commands.submit import submit
from asc_nas.cli.commands.teach import teach
from asc_nas.cli.commands.verify import verify
from asc_nas.cli.interrupt import none_lost
from asc_nas.cli.output.text import OUTPUT, name_output, print_whatever_comes, shown
from asc_nas.core.errors import AscNasError, command, told
from asc_nas.core.launched import place, require_one
from asc_nas.core.machine import wait_asleep

app = typer.Typer(
    name="asc-nas",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Acoustic scene classification with neural architecture search: recordings in, a small, "
    "fast classifier out. Start with 'asc-nas run CONFIG --data FOLDER', then "
    "'asc-nas classify FILE --model MODEL'.",
)

app.add_typer(data.app, name="data")
app.add_typer(latency.app, name="latency")
app.add_typer(models.app, name="models")
app.command("init")(init)
app.command("features")(features.features)
app.command("run")(run.run)
app.command("supernet")(supernet.supernet)
app.command("search")(search.search)
app.command("rank")(rank.rank)
app.command("train")(train.train)
app.command("crossval")(crossval)
app.command("teach")(teach)
app.command("adapt")(adapt)
app.command("evaluate")(evaluate)
app.command("export")(export.export)
app.command("verify")(verify)
app.command("ship")(ship)
app.command("submit")(submit)
app.command("page")(page)
app.command("report")(report)
app.command("classify")(classify)
app.command("listen")(listen)
app.command("doctor")(doctor)

STOPPED = 130
"""Exit code after Ctrl-C."""
GO_ON = (
    *(("run",), ("supernet",), ("search",), ("rank",), ("train",), ("crossval",), ("adapt",)),
    *(
        ("ship",),
        ("export",),
        ("submit",),
        ("features",),
        ("data", "download"),
        ("latency", "measure"),
    ),
)
"""Commands that keep what is done."""
TOGETHER = ("supernet", "train")
"""Commands whose work several ranks share."""


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"asc-nas {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
) -> None:
    called = context.invoked_subcommand
    if called not in TOGETHER:
        require_one(f"asc-nas {called}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments  # wherever it stands
    arguments = [argument for argument in arguments if argument != "--debug"]
    wait_asleep()
    print_whatever_comes()
    name_output()
    try:
        with none_lost():
            app(arguments)  # exits by itself: 0, an exit code of a command, 2 for wrong options
    except SystemExit as ended:
        _flush(debug)
        if ended.code == STOPPED and (goes_on := _goes_on(arguments)):
            print(f"\nstopped; go on with: {shown(goes_on)}", file=sys.stderr)
        raise
    except (AscNasError, ModuleNotFoundError, OSError) as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.filename == str(OUTPUT):
            _give_up_output()
        message, code = _sentence(error, next(iter(arguments), ""))
        rank, size = place()
        whose = f" (rank {rank})" if size > 1 else ""
        print(f"error{whose}: {shown(message)}", file=sys.stderr)
        sys.exit(code)


def _flush(debug: bool) -> None:
    """Write what is left of the output; a disk that is full is not passed over."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has enough
        pass
    except OSError as error:
        if debug:
            raise
        print(f"error: {_sentence(error)[0]}", file=sys.stderr)
        _give_up_output()
        sys.exit(1)


def _give_up_output() -> None:
    """Let what standard output did not take go nowhere, or Python tries again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _goes_on(arguments: list[str]) -> str:
    """Return the call that goes on where a stopped one was; empty if it would begin anew."""
    words = [word for word in arguments if not word.startswith("-")]
    if not any(tuple(words[: len(name)]) == name for name in GO_ON):
        return ""
    resume = ["--resume"] if words[0] == "run" and "--resume" not in arguments else []
    return command(*arguments, *resume)


def _sentence(error: Exception, called: str = "") -> tuple[str, int]:
    """Return what to say about an error of a command, and the exit code."""
    if isinstance(error, AscNasError):
        return str(error), error.exit_code
    if isinstance(error, ModuleNotFoundError):
        module = (error.name or "").partition(".")[0]
        if module in ("", "asc_nas", "data_prep"):
            raise error
        extra = "page" if called == "page" else "plot" if module == "matplotlib" else "search"
        return f"this needs {module}: install it with pip install 'asc-nas[{extra}]'.", 1
    assert isinstance(error, OSError)
    return told(error), 1


if __name__ == "__main__":
    main()

"""The technical report: a skeleton to be written, and its tables, made anew by each call."""

import re
from collections.abc import Sequence

from asc_nas.run.submission.contents import Contents, Entry
from asc_nas.run.submission.interface import GENERAL
from asc_nas.run.submission.rules import Rules

_SKELETON = r"""% Written once; it is yours. 'asc-nas submit' makes tables and figures anew.
\documentclass[10pt]{article}
\usepackage[margin=2.5cm]{geometry}
\usepackage{graphicx}
\title{TODO: title}
\author{TODO: authors and institutes}
\begin{document}
\maketitle
\begin{abstract}
TODO: the task, the idea, the accuracy on the development set.
\end{abstract}

\section{Introduction}
TODO. This is a report on DCASE @YEAR@ Task 1.

\section{System}
The input is the log-mel spectrogram of @SECONDS@ of audio. The network is one of inverted residual
blocks; its depthwise kernels and widths were found by a search (asc-nas). TODO: what is yours.
Table~\ref{tab:layers} has the layers.

\section{Training}
TODO: data, augmentation, schedule, teachers.

\section{Complexity}
Table~\ref{tab:complexity} holds each network against the limits of @YEAR@: @BYTES@ bytes of
parameters and @MACS@ multiply-accumulates.

\section{Results}
Tables~\ref{tab:classes} and~\ref{tab:devices} have the accuracies on the test clips of the
development set; the figures show which scenes are confused. TODO: what they mean.

\input{tables.tex}

\section{References}
TODO.
\end{document}
"""


def skeleton(rules: Rules, seconds: float) -> str:
    """Return the report, whose text is to be written."""
    values = {
        "YEAR": str(rules.year),
        "SECONDS": f"{seconds:g} s",
        "BYTES": _number(rules.max_param_bytes),
        "MACS": _number(rules.max_macs),
    }
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], _SKELETON)


def tables(contents: Contents, figures: Sequence[str]) -> str:
    """Return all tables and figures in LaTeX.

    Parameters
    ----------
    figures : names of the files, beside the report
    """
    entries = contents.entries
    scored = [
        (f"{_name(entry)}{'' if kind == GENERAL else ', own'}", results)
        for entry in entries
        for kind, results in entry.results.items()
    ]
    parts = [_complexity(entries)]
    for part, label, what in (
        ("class_wise", "classes", "class"),
        ("device_wise", "devices", "recording device"),
    ):
        keys = list(dict.fromkeys(key for _, results in scored for key in results[part]))
        rows = [[key, *(_percent(results[part].get(key)) for _, results in scored)] for key in keys]
        rows.append(["all", *(_percent(results["overall"]) for _, results in scored)])
        caption = (
            f"Accuracy in per cent by {what}, of each system (split); of all: the mean of the "
            "classes. Own: with networks of single devices."
        )
        parts.append(_table(label, caption, [what, *(name for name, _ in scored)], rows))
    layers = [[name, _number(params), _number(macs)] for name, params, macs in entries[-1].layers]
    caption = (
        f"Layers of system {_name(entries[-1])}; batch norms count with the layer before them."
    )
    parts.append(_table("layers", caption, ["layer", "parameters", "MACs"], layers))
    parts += [_figure(name) for name in figures]
    return "\n".join(parts)


def _complexity(entries: Sequence[Entry]) -> str:
    rows = [
        [
            _name(entry),
            device,
            _number(cost["params"]),
            entry.numeric_type,
            _number(cost["param_bytes"]),
            _number(cost["macs"]),
        ]
        for entry in entries
        for device, cost in entry.networks.items()
    ]
    header = ["system", "device", "parameters", "type", "bytes", "MACs"]
    return _table("complexity", "Complexity for one clip, counted as torchinfo does.", header, rows)


def _name(entry: Entry) -> str:
    """Return the number of a system and, in brackets, its split."""
    return f"{entry.label.rpartition('_')[2]} ({entry.split} %)"


def _table(label: str, caption: str, header: list[str], rows: list[list[str]]) -> str:
    lines = [" & ".join(map(_latex, row)) + r" \\" for row in (header, *rows)]
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join(
        [
            r"\begin{table}[htb]\centering",
            rf"\caption{{{_latex(caption)}}}\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\hline",
            lines[0],
            r"\hline",
            *lines[1:],
            r"\hline",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def _figure(name: str) -> str:
    caption = _latex(f"Which scenes are taken for which: {name.removesuffix('.png')}.")
    picture = rf"\includegraphics[width=0.7\linewidth]{{{name}}}"
    return f"\\begin{{figure}}[htb]\\centering\n{picture}\n\\caption{{{caption}}}\n\\end{{figure}}"


def _latex(text: str) -> str:
    return re.sub(r"([_%&#$])", r"\\\1", text)


def _number(value: int) -> str:
    return f"{value:,}"


def _percent(scored: dict[str, float] | None) -> str:
    return "-" if scored is None else f"{scored['accuracy']:.1f}"

"""The page of a model: one HTML file in which the front end and the network run.

The network is the one of the float ONNX file, its layers read by `read_folded`. Weights stand in
the page as float32 in base64, beside a description of each layer that ``network.js`` follows. The
front end, the windows and the segments are those of ``asc-nas classify``, in JavaScript.
"""

import base64
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from asc_nas.audio.logmel import FrontEnd
from asc_nas.audio.mel_bands import centre_frequencies, filter_bank
from asc_nas.core.errors import AscNasError
from asc_nas.core.files import write_text
from asc_nas.core.pages import colours, csp_hash
from asc_nas.export.integer.folded import FoldedNetwork, read_folded
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import Classifier
from asc_nas.runtime.model_files import DEFAULT_MODEL, find_card
from asc_nas.runtime.segments import NONE, SILENT
from asc_nas.runtime.timeline import TimelineConfig

_ENGINE = ("front_end.js", "network.js", "timeline.js", "resampler.js", "labels.js")
"""Scripts that need no page: what they compute is what ``classify`` computes."""


def page(model: str | Path = DEFAULT_MODEL, out: str | Path | None = None) -> Path:
    """Write a model as one HTML file that classifies recordings in a browser, offline.

    Parameters
    ----------
    model : str or Path
        ``NAME.onnx``, a folder with one model, or a name that ``asc-nas models list`` lists.
    out : str or Path, optional
        The file; by default ``NAME.html`` in the current folder. It is written beside its place
        and moved there.

    Returns
    -------
    file : Path

    Raises
    ------
    AscNasError
        If there is no such model, it is damaged, or not one float network that asc-nas exports.
    """
    card = Classifier.load(model).card
    onnx = find_card(model).with_suffix(".onnx")
    if card.numeric_type != "float32":
        raise AscNasError(
            f"{onnx}: an {card.numeric_type} network; a page is made of the float model that it "
            "comes from."
        )
    if card.recorders:
        raise AscNasError(
            f"{onnx}: holds networks for several recording devices, and a page is made of one; "
            "export that alone, as NETWORK@RECORDER."
        )
    file = Path(f"{card.name}.html" if out is None else out)
    write_text(file, page_html(card, read_folded(onnx, card.frontend.size)))
    return file


def page_html(card: ModelCard, networks: tuple[FoldedNetwork, ...]) -> str:
    """Return the page of a model.

    Its content security policy lets nothing be fetched, and no script run but the two of the page,
    known by their hashes, and one from a data URL: what collects the microphone's samples.

    Parameters
    ----------
    networks : of one FoldedNetwork, or of those of a committee
    """
    scripts = ["\n".join(map(_source, _ENGINE)), _source("page.js")]
    style = colours() + _source("page.css")
    return (
        _environment()
        .get_template("page.html")
        .render(card=card, model=_model(card, networks), style=style, scripts=scripts)
    )


@cache
def _environment() -> Environment:
    """Return what renders the page: all text is escaped but the styles and scripts of the package.

    JSON is made so that no text in it can end its script.
    """
    made = Environment(
        loader=PackageLoader("asc_nas.export.page", "sources"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    made.filters["csp_hash"] = csp_hash
    return made


def _source(name: str) -> str:
    return (files("asc_nas.export.page") / "sources" / name).read_text(encoding="utf-8")


def _model(card: ModelCard, networks: tuple[FoldedNetwork, ...]) -> dict[str, Any]:
    """Return what the scripts need to know of a model, as plain data."""
    weights = _Weights()
    described = [_network(network, weights) for network in networks]
    return {
        "name": card.name,
        "labels": card.labels,
        "temperature": card.temperature,
        "none": NONE,
        "silent": SILENT,
        "reject_below": card.reject_below,
        "silence": TimelineConfig().silence,
        "front_end": _front_end(card.frontend),
        "networks": described,
        "weights": weights.text(),
    }


def _front_end(frontend: FrontEnd) -> dict[str, Any]:
    """Return the settings, and each mel band's weights without the zeros around them."""
    bank = filter_bank(
        frontend.sample_rate, frontend.n_fft, frontend.n_mels, frontend.fmin, frontend.highest
    )
    used = [np.flatnonzero(band) for band in bank]  # none if a band is narrower than a bin
    spans = [(int(u[0]), int(u[-1]) + 1) if len(u) else (0, 0) for u in used]
    weights = np.concatenate([b[first:end] for b, (first, end) in zip(bank, spans, strict=True)])
    hertz = centre_frequencies(frontend.n_mels, frontend.fmin, frontend.highest)
    return {
        "sample_rate": frontend.sample_rate,
        "samples": frontend.samples,
        "mels": frontend.n_mels,
        "frames": frontend.frames,
        "window": frontend.win_length,
        "hop": frontend.hop_length,
        "fft": frontend.n_fft,
        "short": frontend.short,
        "bands": spans,
        "weights": _base64(weights),
        "hertz": [round(float(centre), 1) for centre in hertz],
    }


class _Weights:
    """Float32 arrays in a row; each is known by the place of its first value."""

    def __init__(self) -> None:
        self._arrays: list[NDArray[np.float32]] = []
        self._length = 0

    def add(self, array: NDArray[np.float32]) -> int:
        place = self._length
        self._arrays.append(array.ravel())
        self._length += array.size
        return place

    def text(self) -> str:
        return _base64(np.concatenate(self._arrays))


def _base64(values: NDArray[np.float32]) -> str:
    """Return values as little-endian float32 in base64."""
    return base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")


def _network(network: FoldedNetwork, weights: _Weights) -> dict[str, Any]:
    """Return the layers of a network as ``network.js`` takes them."""
    spec = network.spec

    def layer(
        name: str, relu: bool, stride: tuple[int, int] = (1, 1), groups: int = 1
    ) -> dict[str, Any]:
        folded = network.layers[name]
        return {
            "shape": folded.weights.shape,
            "stride": stride,
            "groups": groups,
            "relu": relu,
            "weights": weights.add(folded.weights),
            "bias": weights.add(folded.bias),
        }

    blocks = []
    for i, block in enumerate(spec.blocks):
        if block is None:  # read_folded gives none
            continue
        name, depthwise = f"blocks.{i}", block.depthwise[0]
        blocks.append(
            {
                "expand": layer(f"{name}.expand", True) if block.expand else None,
                "depthwise": layer(f"{name}.depthwise", True, block.stride, depthwise.groups),
                "project": layer(f"{name}.project", False),
                "shortcut": block.shortcut,
                "relu": block.activation_after_sum,
            }
        )
    return {
        "range_db": spec.input_range_db,
        "mean": weights.add(network.mean),
        "scale": weights.add(network.scale),
        "stem": [layer(f"stem.{i}", True, conv.stride) for i, conv in enumerate(spec.stem)],
        "blocks": blocks,
        "head": layer("head", spec.classifier is not None),
        "classifier": layer("classifier", False) if spec.classifier else None,
    }

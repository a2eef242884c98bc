"""The files that a search on own recordings starts from: a list of clips and a commented config."""

import csv
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from io import StringIO
from math import floor
from pathlib import Path
from typing import Any

from asc_nas.core.plain_text import as_text
from asc_nas.data.manifest import Clip, Manifest
from asc_nas.space.skeleton import Skeleton, skeleton_from
from data_prep.own_data.look import Look
from data_prep.own_data.settings import Settings

LACKING = 0.02
"""Share of an example that may lack at the end of a recording, as encoders cut it."""
STARTED = "started"
"""Name of the network that begins with weights of another."""
FROZEN_SHARE, START_RATE = 0.1, 0.002
RECORDED = "mixup_alpha: 0, noise: 0.5, response_db: 20, band_limit: 0.1"
"""How clips are varied as other devices and places would record them (docs/results/recipe.md)."""
NARROWER = (1, 0.8, 0.65, 0.5, 0.35, 0.25)
"""Widths of the hand-made networks, as shares of the largest: what moves accuracy most."""
COLUMNS = ("path", "label", "group", "fold", "device", "start", "duration")


def cut_long(found: Look, seconds: float) -> Manifest:
    """Return the clips, with recordings of two examples and more cut into parts of one example.

    Training hears only the first `seconds` of a clip. All parts of a recording are in its group.
    What is left over at the end of a recording is no clip.
    """
    clips: list[Clip] = []
    for clip in found.manifest.clips:
        info = found.infos.get(clip.path)
        end = info.seconds if info else 0.0
        if clip.duration:
            end = min(end, clip.start + clip.duration)
        parts = floor((end - clip.start) / seconds + LACKING)
        if parts < 2:
            clips.append(clip)
            continue
        for start in (round(clip.start + i * seconds, 6) for i in range(parts)):
            duration = round(min(seconds, end - start), 6)
            clips.append(replace(clip, start=start, duration=duration))
    return found.manifest.with_clips(clips)


def as_listed(manifest: Manifest, table: Path) -> Manifest:
    """Return the manifest as it is read from the CSV file `table`: paths relative to its folder."""
    folder = table.resolve().parent
    paths = (
        os.path.relpath(manifest.audio_path(clip).absolute(), folder) for clip in manifest.clips
    )
    clips = [
        replace(clip, path=as_text(Path(path)))
        for clip, path in zip(manifest.clips, paths, strict=True)
    ]
    return replace(manifest, name=as_text(Path(table.stem)), root=folder, clips=tuple(clips))


def clip_table(manifest: Manifest) -> str:
    """Return the clips as the text of a CSV file, as the dataset ``csv`` reads it."""
    text = StringIO()
    rows = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    rows.writeheader()
    for clip in manifest.clips:
        rows.writerow({name: getattr(clip, name) for name in COLUMNS})
    return text.getvalue()


def starter_config(
    name: str,
    data: Mapping[str, Any],
    settings: Settings,
    *,
    skeleton: str,
    width: float,
    limits: Mapping[str, Any],
    latency: str | None = None,
    heading: str = "",
) -> str:
    """Return a config as commented YAML.

    Parameters
    ----------
    data : the settings of the group ``data``
    skeleton : name of one
    width : how many times as wide as that the largest hand-made network is
    limits : the settings of ``search.limits``
    heading : lines of comment for the top, without their ``#``
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    stems, stages = at_widths(skeleton_from(skeleton), width)
    channels = "".join(f"    - {_flow(stage)}\n" for stage in stages)
    recipe = f"""  epochs: {settings.epochs}
  batch_size: {settings.batch_size}
  learning_rate: 3.0e-3
  warmup_epochs: {settings.warmup_epochs}
  label_smoothing: 0
  balanced: true         # every class equally often, if some have fewer recordings
  augment:               # noise, microphones and cut bands, as did well on ESC-10 and ESC-50
    {{time_mask: {settings.time_mask}, {RECORDED}}}
"""
    frames = 1 + round(settings.seconds * settings.sample_rate) // settings.hop_length
    bounds = f"{{{', '.join(f'{key}: {_flow(value)}' for key, value in limits.items())}}}"
    table = "" if latency is None else f"latency: {_flow(latency)}\n"
    text = f"""{comment}name: {_flow(name)}
seed: 0
data:
{_lines(data)}frontend:                # {settings.n_mels} mel bands x {frames} frames
  sample_rate: {settings.sample_rate}
  n_mels: {settings.n_mels}
  hop_length: {settings.hop_length}
  win_length: {settings.win_length}
  n_fft: {settings.win_length}
  seconds: {settings.seconds:g}             # what the network hears at once
skeleton: {skeleton}
space:                   # what a search may choose; hand-made networks are tried at every width
  kernels: [[t3, t5, f3, f5]]
  max_paths: 2
  expansions: [1, 2]
  skip: true
  stems: {_flow(stems)}
  channels:              # of each stage
{channels}{table}search:
  strategy: hand_made    # no search: the networks of `baselines` at every width, trained and
  judge: training        # compared on search-val (to search: docs/guides/own_data.md, 4)
  limits: {bounds}   # max_macs, max_params, max_param_bytes, max_ram_kb ...
rank:                    # how networks are trained to be compared
{recipe}retrain:
  members: 4             # networks of the Pareto set that are trained anew, with all clips but test
{recipe}baselines:               # hand-made networks; more of them take longer
  summed: {{kernels: [f3+t3], expansion: 1}}
"""
    return text.encode(errors="backslashreplace").decode()  # "\\udce9" is how YAML has such a byte


def at_widths(skeleton: Skeleton, largest: float) -> tuple[list[list[int]], list[list[int]]]:
    """Return a skeleton's stem at every width, and every stage's channels at each.

    Channels are multiples of 4, each number once, so a small skeleton has fewer widths.
    """
    widths = [largest * share for share in NARROWER]

    def scaled(channels: int, width: float) -> int:
        return max(4, 4 * floor(width * channels / 4 + 0.5))

    stems = {tuple(scaled(conv.channels, width) for conv in skeleton.stem) for width in widths}
    stages = [{scaled(stage.channels, width) for width in widths} for stage in skeleton.stages]
    return [list(stem) for stem in sorted(stems)], [sorted(stage) for stage in stages]


def started_config(
    name: str,
    data: Mapping[str, Any],
    settings: Settings,
    *,
    start_from: str,
    network: str,
    skeleton: Mapping[str, Any],
    frontend: Mapping[str, Any],
    limits: Mapping[str, Any],
    heading: str = "",
) -> str:
    """Return a config, as commented YAML, for a network that begins with weights of another.

    Parameters
    ----------
    data : the settings of the group ``data``
    start_from : see `retrain.start_from`
    network, skeleton, frontend : of the weights
    limits : the settings of ``search.limits``
    heading : lines of comment for the top, without their ``#``
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    text = f"""{comment}name: {_flow(name)}
seed: 0
data:
{_lines(data)}frontend: {_flow(frontend)}
skeleton: {_flow(skeleton)}
retrain:
  start_from: {_flow(start_from)}
  frozen_share: {FROZEN_SHARE}      # so long only the layer to the classes learns
  epochs: {settings.epochs}
  batch_size: {settings.batch_size}
  learning_rate: {START_RATE}
  warmup_epochs: {settings.warmup_epochs}
  label_smoothing: 0
  balanced: true         # every class equally often, if some have fewer recordings
  augment: {{time_mask: {settings.time_mask}, {RECORDED}}}
baselines:
  {STARTED}: {{network: {_flow(network)}}}
search:
  limits: {_flow(limits)}
"""
    return text.encode(errors="backslashreplace").decode()


def _lines(values: Mapping[str, Any]) -> str:
    return "".join(f"  {key}: {_flow(value)}\n" for key, value in values.items())


def _flow(value: Any) -> str:
    """Return a value on one line: JSON is YAML, and its quotes keep a name like ``on`` a text."""
    return json.dumps(value, ensure_ascii=False)

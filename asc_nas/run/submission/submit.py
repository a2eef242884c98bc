"""All that a team hands in to DCASE Task 1, in one folder, and the zip of it."""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asc_nas.core.errors import AscNasError, UsageError
from asc_nas.core.files import atomic_path, write_bytes, write_text
from asc_nas.core.locks import locked
from asc_nas.run.adapted import find_trained, require_adapted
from asc_nas.run.folder import RunFolder
from asc_nas.run.networks import NamedNetwork
from asc_nas.run.submission.contents import Contents, Entry, read_about
from asc_nas.run.submission.interface import GENERAL
from asc_nas.run.submission.meta import meta_text, unfinished
from asc_nas.run.submission.outputs import write_output
from asc_nas.run.submission.package import write_package
from asc_nas.run.submission.places import checkpoint_of, output_of, system_folder
from asc_nas.run.submission.rules import DATASET, Label, Rules, rules_of
from asc_nas.run.submission.system import NumericType, write_system
from asc_nas.run.submission.technical_report import skeleton, tables
from data_prep.results.evaluation_list import EvaluationList, read_evaluation

FULL = "100"
"""The split that a run without ``data.split`` is trained on."""
TRAINED = ("train", "search_val")
"""Roles of the clips whose devices are known in training."""
CONTENTS, ABOUT = "submission.json", "about.yaml"


@dataclass(frozen=True)
class Submitted:
    """What was written.

    Attributes
    ----------
    folder, zip : Path
    package : Path
        What ``pip install`` takes.
    entries : tuple of Entry
        Of this call.
    missing : tuple of str
        What is still to be done before the zip can be handed in.
    """

    folder: Path
    zip: Path
    package: Path
    entries: tuple[Entry, ...]
    missing: tuple[str, ...]


def submit(
    run: RunFolder,
    *networks: str,
    year: int,
    label: str,
    half: bool = False,
    int8: bool = False,
    together: bool = False,
    devices: Mapping[str, str] | None = None,
    adapted: bool = False,
    evaluation: Path | None = None,
    out: Path | None = None,
    seed: int | None = None,
) -> Submitted:
    """Write what DCASE Task 1 asks for; called again, with another run too, it adds to the folder.

    Parameters
    ----------
    networks : trained networks of the run, as for `find_trained`
        Each is a system; the first gets the number of `label`.
    year : of the rules, see `RULES`
    label : ``LASTNAME_INSTITUTE_task1_1``
    half : store the weights as float16, which count two bytes each
    int8 : store those of convolutions as 8-bit integers, which count one byte each
    together : each network answers with all seeds that it was trained with
    devices : recording device -> the network of its own, where the rules know the device
    adapted : every network answers with all that `adapt` has made of it for recording devices
    evaluation : folder of the evaluation set; without it there is no ``output.csv``
    out : folder; by default the label without its number, in the current folder
    seed : with which the networks were trained; by default the run's

    Raises
    ------
    UsageError
        If the label, a network or a device is none, or the rules do not fit the call.
    AscNasError
        If a network is not trained or breaks the limits of the year, or the evaluation set is not
        whole.
    """
    _require_fitting(half, int8, together, seed, devices, adapted)
    rules, first = rules_of(year), Label.parse(label)
    labels = first.following(len(networks))
    split = _split_of(run, rules)
    used = run.config.seed if seed is None else seed
    numeric_type: NumericType = "float16" if half else "int8" if int8 else "float32"
    named = _networks_by_device(run, networks, devices or {}, rules)
    if adapted:
        named = [_with_adapted(run, system, rules, used) for system in named]
    clips = None if evaluation is None else read_evaluation(evaluation)
    if clips is not None and rules.devices and clips.devices is None:
        raise AscNasError(
            f"{evaluation}: its list has no column device_id, which the evaluation set of {year} "
            "has; give that set."
        )
    folder = Path(first.package) if out is None else out
    with locked(folder, "wait for its end, or give another folder with --out"):
        contents = _contents(folder, rules, first.package)
        entries = []
        for each, system in zip(labels, named, strict=True):
            seeds = [used]
            if together:
                seeds = sorted({r.seed for r in system[GENERAL].results(run)}) or seeds
            entry = write_system(
                run, folder, each, split, rules, system, seeds=seeds, numeric_type=numeric_type
            )
            entries.append(entry)
            contents = contents.with_entry(entry)
            contents.write(folder / CONTENTS)
        package = folder / "inference"
        test = [(clip.path, clip.label) for clip in run.manifest.with_role("test")]
        write_package(package, first.package, rules, test)
        if clips is not None:
            for entry in entries:
                _answer(run, folder, entry, contents, rules, clips)
        missing = _write_rest(folder, contents, rules, run.config.frontend.seconds)
        archive = _zip(folder, first.package)
    return Submitted(folder, archive, package, tuple(entries), tuple(missing))


def _require_fitting(
    half: bool,
    int8: bool,
    together: bool,
    seed: int | None,
    devices: Mapping[str, str] | None,
    adapted: bool,
) -> None:
    """Raise UsageError where options do not fit together."""
    if half and int8:
        raise UsageError("--half and --int8: weights have one numeric type; give one of them.")
    if together and seed is not None:
        raise UsageError("--together takes the networks of all seeds; leave --seed out.")
    if together and (devices or adapted):
        other = "--device" if devices else "--adapted"
        raise UsageError(f"--together and {other}: not at once; leave one of them out.")


def _split_of(run: RunFolder, rules: Rules) -> str:
    """Return the split that the run was trained on, if the rules know it."""
    if run.manifest.name != DATASET:
        raise UsageError(
            f"{run.paths.root}: its recordings are {run.manifest.name}, and DCASE Task 1 of "
            f"{rules.year} is about {DATASET}; give a run on that set."
        )
    split = run.config.data.split or FULL
    if split not in rules.splits:
        raise UsageError(
            f"{run.paths.root}: trained on {split} % of the train list, and the rules of "
            f"{rules.year} ask for {' or '.join(rules.splits)} %; give a run with data.split="
            f"{rules.splits[0]}."
        )
    return split


def _networks_by_device(
    run: RunFolder, networks: Sequence[str], devices: Mapping[str, str], rules: Rules
) -> list[dict[str, NamedNetwork]]:
    """Return of each system its networks: the general one, and those of single devices."""
    if devices and not rules.devices:
        raise UsageError(
            f"--device: the recording device is not known in {rules.year}; leave it out."
        )
    if devices and len(networks) != 1:
        raise UsageError(
            f"--device goes with one network, the one of all other devices; {len(networks)} are "
            "named."
        )
    known = {clip.device for role in TRAINED for clip in run.manifest.with_role(role)}
    for device in devices:
        if device not in known:
            raise UsageError(
                f"--device {device}: no training clip is of it; devices: "
                f"{', '.join(sorted(known))}."
            )
    own = {device: find_trained(run, text) for device, text in devices.items()}
    return [{GENERAL: find_trained(run, text), **own} for text in networks]


def _with_adapted(
    run: RunFolder, system: Mapping[str, NamedNetwork], rules: Rules, seed: int
) -> dict[str, NamedNetwork]:
    """Return a system with what its general network was adapted to; what it has already stays."""
    if not rules.devices:
        raise UsageError(
            f"--adapted: the recording device is not known in {rules.year}; leave it out."
        )
    general = system[GENERAL]
    return {GENERAL: general, **require_adapted(run, general, seed), **system}


def _contents(folder: Path, rules: Rules, package: str) -> Contents:
    if not (folder / CONTENTS).exists():
        return Contents(year=rules.year, package=package)
    found = Contents.read(folder / CONTENTS)
    if (found.year, found.package) != (rules.year, package):
        raise UsageError(
            f"{folder}: holds the submission {found.package} of {found.year}; give another folder "
            "with --out."
        )
    return found


def _answer(
    run: RunFolder,
    folder: Path,
    entry: Entry,
    contents: Contents,
    rules: Rules,
    clips: EvaluationList,
) -> None:
    """Let a system answer for the evaluation set."""
    with run.listener.stage(f"Evaluation set, {entry.module}") as progress:
        write_output(
            output_of(folder, entry.label, rules.suffix(entry.split)),
            clips,
            checkpoint_of(folder / "inference", contents.package, entry.module),
            devices=rules.devices,
            workers=run.config.data.workers,
            progress=progress,
        )


def _write_rest(folder: Path, contents: Contents, rules: Rules, seconds: float) -> list[str]:
    """Write meta files, tables and report; return what is still missing."""
    labels = list(dict.fromkeys(entry.label for entry in contents.entries))
    about = read_about(folder / ABOUT, rules, labels)
    todo: dict[str, None] = {}
    missing = []
    for label in labels:
        entries = [entry for entry in contents.entries if entry.label == label]
        meta = meta_text(entries, about, rules)
        write_text(system_folder(folder, label) / f"{label}.meta.yaml", meta)
        todo |= dict.fromkeys(key.rpartition(".")[2] for key in unfinished(meta))
        there = {entry.split for entry in entries}
        for split in rules.splits:
            if split not in there:
                missing.append(f"{label}: a run with data.split={split}")
        outputs = list(system_folder(folder, label).glob("*.output*.csv"))
        if len(outputs) < len(entries):
            missing.append(f"{label}: its output for the evaluation set (--evaluation)")
    report = folder / "report"
    figures = [f"confusion_{entry.module}.png" for entry in contents.entries]
    write_text(report / "tables.tex", tables(contents, figures))
    text, pdf = report / "report.tex", report / "report.pdf"
    if not text.exists():
        write_text(text, skeleton(rules, seconds))
    if pdf.exists():
        name = f"{contents.package}.technical_report.pdf"
        write_bytes(folder / "task1" / name, pdf.read_bytes())
    else:
        missing.append(f"{pdf}: write {text.name} and make the PDF of it")
    if todo:
        missing.insert(0, f"{folder / ABOUT}: fill in {', '.join(todo)}")
    return missing


def _zip(folder: Path, package: str) -> Path:
    """Pack ``task1/`` as the organisers want it; the same files give the same bytes."""
    target = folder / f"{package}.zip"
    files = [path.relative_to(folder) for path in (folder / "task1").rglob("*") if path.is_file()]
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for path in sorted(files):
            if not any(part.startswith(".") for part in path.parts):  # of an unfinished output
                inside = zipfile.ZipInfo(path.as_posix())
                inside.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(inside, (folder / path).read_bytes())
    return target

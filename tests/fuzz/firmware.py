"""Buffers of every kind and length into the exported C code, under the sanitizers.

PYTHONPATH=tests python tests/fuzz/firmware.py [--count 1000000] [--seed 0]

Two kits are compiled with -fsanitize=address,undefined: one network whose windows follow each
other, and a committee whose windows overlap. Ends with 1 at the first fault.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from random_networks import FRONTEND, GENOTYPES, VARIANTS, make

from asc_nas.export.firmware.kit import write_kit

FLAGS = ("-std=c99", "-O1", "-g", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def compiled(folder: Path, genotype: str, variant: dict, members: int, *defines: str) -> Path:
    """Return the program that feeds a kit of a random network."""
    made = make(folder, genotype, variant, members=members)
    kit = folder / "kit"
    write_kit(kit, made.card, made.networks, np.zeros((1, FRONTEND.samples), np.int16), {})
    sources = [*sorted((kit / "src").glob("*.c")), Path(__file__).with_name("feed.c")]
    command = ["cc", *FLAGS, *SANITIZERS, *defines, f"-I{kit / 'src'}", *map(str, sources)]
    subprocess.run([*command, "-lm", "-o", str(folder / "feed")], check=True)
    return folder / "feed"


def fuzz(folder: Path, count: int, seed: int) -> list[str]:
    """Feed both kits half of `count` buffers each; return what they print.

    Raises
    ------
    subprocess.CalledProcessError
        At the first fault.
    """
    overlapping = f"-DASC_STEP={3 * FRONTEND.hop_length}"
    programs = [
        compiled(folder / "one", GENOTYPES[1], VARIANTS[2], 1),
        compiled(folder / "committee", GENOTYPES[2], VARIANTS[1], 2, overlapping),
    ]
    said = []
    for program in programs:
        command = [str(program), str(count // 2), str(seed)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        said.append(done.stdout.strip())
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for line in fuzz(Path(folder), arguments.count, arguments.seed):
            print(line)


if __name__ == "__main__":
    main()

"""How int8 calibration settings change a network's answers, on search-val.

python studies/int8_calibration.py RUN MODEL.onnx [MODEL.onnx ...]

For every exported float model of the run: the mean Kullback-Leibler divergence (nats) of the int8
network's probabilities from the float network's, the share of equal decisions, by the percentile of
the activations' ranges (100: the whole range) and the number of training clips. Test is not read.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from asc_nas.export.quantize import quantize_onnx
from asc_nas.export.targets import spread
from asc_nas.export.targets.int8 import exported_logits
from asc_nas.run.folder import RunFolder

SETTINGS = [(p, 100) for p in (99.9, 99.99, 99.999, 100.0)] + [(99.99, 50), (99.99, 200)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("models", nargs="+", type=Path)
    arguments = parser.parse_args()
    run = RunFolder.open(arguments.run)
    train, search_val = run.examples("train"), run.examples("search_val")
    lines = []
    for model in arguments.models:
        wanted = exported_logits(model, search_val).posteriors(1.0)
        for percentile, number in SETTINGS:
            clips = spread(train, number)
            with tempfile.TemporaryDirectory() as folder:
                target = Path(folder) / "int8.onnx"
                quantize_onnx(model, clips, target, percentile=percentile)
                found = exported_logits(target, search_val).posteriors(1.0)
            divergence = (wanted * np.log(wanted / found)).sum(1).mean()
            same = (wanted.argmax(1) == found.argmax(1)).mean()
            lines.append(
                f"{model.stem:<20}{percentile:>11g}{len(clips):>7}{divergence:>13.5f}{same:>8.3f}"
            )
    print(f"{'model':<20}{'percentile':>11}{'clips':>7}{'divergence':>13}{'equal':>8}")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

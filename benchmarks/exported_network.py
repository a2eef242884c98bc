"""One clip through an exported network on one thread, against PyTorch and CP-Mobile.

python benchmarks/exported_network.py MODEL [--skeleton cp_mobile] [--repeats 300]

MODEL is an exported model whose network has the shape of the skeleton: a name, or that of a config
(FILE.yaml). PyTorch runs the same network in eager mode (in inference mode, batch norms as they
are). CP-Mobile, the baseline of DCASE 2024 Task 1, is exported in the same way, for the model's
input, for that of `peers.py`, where its accuracy is measured (64 mels x 251 frames, 5 s), and for
its own, 256 x 65 (1 s). All weights but the model's are random: they do not change the time.
"""

import statistics
import tempfile
from pathlib import Path

import numpy as np
import timing
import torch
from cp_mobile import MELS, cp_mobile

from asc_nas.audio.logmel import PRESETS, FrontEnd
from asc_nas.core.config import read_yaml
from asc_nas.export.onnx import export_onnx
from asc_nas.nn.committee import Committee
from asc_nas.runtime.card import ModelCard
from asc_nas.runtime.classifier import INPUT, open_session
from asc_nas.space.genotype import Genotype
from asc_nas.space.netspec import resolve
from asc_nas.space.skeleton import skeleton_from
from asc_nas.training.network_trainer import new_network

CP_MOBILE_FRONTEND = FrontEnd(
    sample_rate=32000, n_mels=MELS, win_length=3072, hop_length=500, n_fft=4096, seconds=1
)


def eager_network(card: ModelCard, skeleton: str) -> torch.nn.Module:
    """Return the card's network as PyTorch has it, with fresh weights."""
    size = (card.frontend.n_mels, card.frontend.frames)
    shape = read_yaml(Path(skeleton))["skeleton"] if skeleton.endswith(".yaml") else skeleton
    spec = resolve(Genotype.parse(card.genotype), skeleton_from(shape), size, len(card.labels))
    networks = [new_network(spec, seed) for seed in range(card.members)]
    network = (networks[0] if len(networks) == 1 else Committee(networks)).eval()
    params = sum(weight.numel() for weight in network.parameters())
    if params != card.params:
        raise SystemExit(
            f"{card.name} has {card.params} parameters, its genotype in the skeleton '{skeleton}' "
            f"{params}; name the skeleton that it was made with."
        )
    return network


def clip(frontend: FrontEnd) -> np.ndarray:
    """Return made-up log-mel, (1, 1, mels, frames) float32."""
    shape = (1, 1, frontend.n_mels, frontend.frames)
    return np.random.default_rng(0).normal(-50, 10, shape).astype(np.float32)


def exported(model: bytes, x: np.ndarray):
    session = open_session(model, 1)
    return lambda: session.run(None, {INPUT: x})


def exported_cp_mobile(frontend: FrontEnd):
    x = clip(frontend)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "cp_mobile.onnx"
        export_onnx(cp_mobile(), frontend, x[0], target)
        return exported(target.read_bytes(), x)


def eager(network: torch.nn.Module, x: np.ndarray):
    tensor = torch.from_numpy(x)

    def run():
        with torch.inference_mode():
            return network(tensor)

    return run


def main(
    model: Path,
    skeleton: str = "cp_mobile",
    repeats: timing.RepeatsOption = 300,
    clock: timing.ClockOption = timing.Clock.WALL,
) -> None:
    timing.restart_with_threads(1)
    torch.set_num_threads(1)

    card = ModelCard.read(model.with_suffix(".json"))
    x = clip(card.frontend)
    times = timing.by_turns(
        {
            "exported": exported(model.read_bytes(), x),
            "PyTorch": eager(eager_network(card, skeleton), x),
            "CP-Mobile, same input": exported_cp_mobile(card.frontend),
            "CP-Mobile, 64 x 251": exported_cp_mobile(PRESETS["esc10"]),
            "CP-Mobile, 256 x 65": exported_cp_mobile(CP_MOBILE_FRONTEND),
            "CP-Mobile, same input, PyTorch": eager(cp_mobile(), x),
        },
        repeats,
        clock,
    )
    size = f"{card.frontend.n_mels} x {card.frontend.frames}"
    print(f"{card.name}: {card.macs / 1e6:.2f} M MACs, {card.params} parameters, {size}", end="; ")
    timing.print_times(times, "exported", threads=1)
    timing.print_aims(
        [
            ("PyTorch / exported", timing.ratio(times, "PyTorch", "exported"), "at least 2"),
            *(
                (f"{name} / exported", timing.ratio(times, name, "exported"), "above 1")
                for name in times
                if name.startswith("CP-Mobile") and "PyTorch" not in name
            ),
        ]
    )
    rate = card.macs / statistics.median(times["exported"]) / 1e9
    print(f"exported: {rate:.0f} GMAC/s")


if __name__ == "__main__":
    timing.run(main)

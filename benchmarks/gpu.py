"""A GPU against the CPU and plain PyTorch: steps of supernet and retraining, and the front end.

python benchmarks/gpu.py [CONFIG] [--network baseline] [--batch 256] [--steps 20]

Needs a CUDA GPU, and nobody has run it on one yet. A step is forward, backward and AdamW on a batch
that is on the device already. The peer of a retraining is the same network written with torch.nn
layers and the default AdamW (`training_step.py`); that of the supernet makes, for the same
genotypes, a step of each network cut out. The front end makes log-mel of waveforms; its peers are
the NumPy front end on one thread and torchaudio's in single precision. Peers take turns; medians
over the steps, the GPU waited for after each.
"""

import statistics
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import timing
import torch
import typer
from torch.nn import functional as F
from training_step import CLASSES, Plain, spec_of

from asc_nas.audio.logmel import log_mel
from asc_nas.data.device_front_end import DeviceFrontEnd
from asc_nas.nn.supernet import Supernet, init_supernet
from asc_nas.run.beginning import specs_of
from asc_nas.run.opening import read_settings
from asc_nas.training.device import find_device, prepare_process, to_device
from asc_nas.training.network_trainer import new_network
from asc_nas.training.path_samplers import SAMPLERS
from asc_nas.training.trainer import Trainer, make_optimizer

PRECISIONS = ("float32", "bfloat16", "float16")


def batch_on(device, batch, size):
    """Return made-up clips in dB, and their targets as the trainer has them."""
    x = torch.randn(batch, 1, *size, generator=torch.Generator().manual_seed(0)) * 10 - 60
    targets = F.one_hot(torch.arange(batch) % CLASSES, CLASSES).float()
    return x.to(device), targets.to(device)


def own_step(module, settings, device, precision, batch, passes):
    """Return what does a step of `passes` as the trainer does it."""
    to_device(module, device, precision).train()
    trainer = Trainer(settings, 0, Path(), device=device, precision=precision)
    optimizer, scaler = make_optimizer(module, settings), trainer.new_scaler()
    return lambda: trainer.step(optimizer, scaler, passes(), *batch).tolist()


def plain_step(modules, device, batch):
    """Return what does a step of each module, each with an optimiser of its own."""
    x, targets = batch
    own = [
        (module.to(device).train(), torch.optim.AdamW(module.parameters())) for module in modules
    ]

    def step():
        for module, optimizer in own:
            optimizer.zero_grad()
            F.cross_entropy(module(x), targets, label_smoothing=0.1).backward()
            optimizer.step()
        if device != "cpu":
            torch.cuda.synchronize()

    return step


def retraining_peers(config, network, device, batch):
    spec = spec_of(config, network)
    peers = {}
    for place, precisions in (("cpu", PRECISIONS[:1]), (device, PRECISIONS)):
        clips = batch_on(place, batch, spec.input_size)
        for precision in precisions:
            module = new_network(spec, 0)
            passes = partial(tuple, [module])
            peers[f"{place}, {precision}"] = own_step(
                module, config.retrain, place, precision, clips, passes
            )
    peers[f"{device}, torch.nn"] = plain_step([Plain(spec)], device, clips)
    return peers


def supernet_peers(config, device, batch):
    specs = specs_of(config, CLASSES)
    size = (config.frontend.n_mels, config.frontend.frames)
    peers = {}
    sampler = SAMPLERS[config.supernet.sampler](config.search_space(), 0, config.supernet.passes)
    genotypes = sampler.step(0)
    for place, precisions in (("cpu", PRECISIONS[:1]), (device, PRECISIONS)):
        clips = batch_on(place, batch, size)
        for precision in precisions:
            supernet = Supernet(config.search_space(), specs)
            init_supernet(supernet, torch.Generator().manual_seed(0))
            passes = partial(list, [partial(supernet, genotype=g) for g in genotypes])
            peers[f"{place}, {precision}"] = own_step(
                supernet, config.supernet, place, precision, clips, passes
            )
    alone = [new_network(specs(genotype), 0) for genotype in genotypes]
    peers[f"{device}, networks cut out"] = plain_step(alone, device, clips)
    return peers


def front_end_peers(frontend, device, batch):
    """Return what makes log-mel of a batch of waveforms; it needs pip install 'asc-nas[gpu]'."""
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    wave = np.random.default_rng(0).normal(0, 0.1, (batch, frontend.samples)).astype(np.float32)
    there, own = torch.from_numpy(wave).to(device), DeviceFrontEnd(frontend, device)
    plain = torch.nn.Sequential(
        MelSpectrogram(
            frontend.sample_rate,
            frontend.n_fft,
            frontend.win_length,
            frontend.hop_length,
            n_mels=frontend.n_mels,
        ),
        AmplitudeToDB(),
    ).to(device)

    def waited_for(transform):
        def step():
            mel = transform(there)
            if device != "cpu":
                torch.cuda.synchronize()
            return mel

        return step

    return {
        "cpu, NumPy": lambda: log_mel(wave, frontend),
        f"{device}, asc-nas": waited_for(own.log_mel),
        f"{device}, torchaudio": waited_for(plain),
    }


def show(title, peers, steps, batch, plain):
    """Print every peer's clips per second; return the ratio of the best precision to `plain`."""
    found = timing.by_turns(peers, steps)
    medians = {name: statistics.median(each) for name, each in found.items()}
    print(f"\n{title}, batch of {batch}")
    for name, seconds in medians.items():
        print(f"  {name:<28}{seconds * 1e3:>9.2f} ms{batch / seconds:>12,.0f} clips/s")
    own = [seconds for name, seconds in medians.items() if not name.startswith(("cpu", plain))]
    return medians[plain] / min(own)


def main(
    config: Annotated[Path, typer.Argument()] = Path("configs/nasc.yaml"),
    network: str = "baseline",
    batch: int = 256,
    steps: int = 20,
) -> None:
    if not torch.cuda.is_available():
        raise SystemExit("benchmarks/gpu.py: needs a CUDA GPU, and PyTorch finds none here.")
    device = find_device("cuda")
    prepare_process("cpu")
    card = torch.cuda.get_device_properties(device)
    print(
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB; PyTorch {torch.__version__}, CUDA "
        f"{torch.version.cuda}; CPU on {torch.get_num_threads()} threads"
    )
    config = read_settings(config)
    measure(config, network, device, batch, steps)


def measure(config, network, device, batch, steps):
    retraining = retraining_peers(config, network, device, batch)
    plain = f"{device}, torch.nn"
    one = show(f"A step of retraining {network}", retraining, steps, batch, plain)
    together, plain = supernet_peers(config, device, batch), f"{device}, networks cut out"
    shared = show("A step of the supernet", together, steps, batch, plain)
    heard = front_end_peers(config.frontend, device, batch)
    front_end = show("Log-mel", heard, steps, batch, f"{device}, torchaudio")
    timing.print_aims(
        [
            ("torch.nn / asc-nas, retraining", one, "at least 2"),
            ("networks cut out / supernet", shared, "stated"),
            ("torchaudio / asc-nas, log-mel", front_end, "stated"),
        ]
    )


if __name__ == "__main__":
    timing.run(main)

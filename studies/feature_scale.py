"""Scale of the sum of several kernels against that of one (MixPath, arXiv 2001.05887, section 3).

python studies/feature_scale.py RUN [--networks 20]

RUN is a run directory with a trained multi-path supernet. Random networks carry search-val clips to
every block; there all subsets of its kernels are applied to the same hidden map. Per number m of
kernels: root mean square of their sum as a multiple of a single kernel's (m if they say the same,
the square root of m if they are unrelated), the same for the channels' mean, and the cosine
similarity of two kernels' outputs.
"""

import itertools
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import typer
from torch.nn import functional as F

from asc_nas.core.randomness import stream
from asc_nas.nn.subnet import join_shortcut, sum_paths
from asc_nas.run.folder import RunFolder
from asc_nas.run.population import trained_supernets


@torch.inference_mode()
def main(run: Path, networks: int = 20, clips: int = 64) -> None:
    run = RunFolder.open(run)
    net = trained_supernets(run)[0]
    examples = run.examples("search_val")
    positions = np.linspace(0, len(examples) - 1, min(clips, len(examples))).astype(int)
    mel, _ = examples.batch(positions)

    rms, mean, cosine = defaultdict(list), defaultdict(list), defaultdict(list)
    rng = stream(0, "feature scale")
    for _ in range(networks):
        spec = net.spec(net.space.sample(rng))
        x = net.input_norm(mel)
        for conv in net.stem:
            x = F.relu(conv(x))
        for i, block in enumerate(spec.blocks):
            if block is None:
                continue
            module = net.blocks[str(i)]
            hidden = x if block.expand is None else F.relu(module.expand(x, block.expand))
            outputs = []
            for kernel in net.space.kernels(i):
                extent = (kernel.frequency, kernel.time)
                conv = replace(block.depthwise[0], kernel=extent)
                outputs.append(module.kernel(conv)(hidden, conv))
            single = np.mean([float(o.square().mean().sqrt()) for o in outputs])
            level = np.mean([float(o.mean((0, 2, 3)).abs().mean()) for o in outputs])
            for m in range(1, net.space.max_paths(i) + 1):
                for subset in itertools.combinations(outputs, m):
                    total = sum_paths(list(subset))
                    rms[i, m].append(float(total.square().mean().sqrt()) / single)
                    mean[i, m].append(float(total.mean((0, 2, 3)).abs().mean()) / level)
            for a, b in itertools.combinations(outputs, 2):
                cosine[i].append(float(F.cosine_similarity(a.flatten(), b.flatten(), 0)))
            paths = [module.kernel(conv)(hidden, conv) for conv in block.depthwise]
            hidden = F.relu(module.depthwise_norm(block)(sum_paths(paths)))
            x = join_shortcut(x, module.project(hidden, block.project), block)

    most = max(m for _, m in rms)
    print("block  cosine" + "".join(f"  rms {m}  mean {m}" for m in range(2, most + 1)))
    for i in sorted(cosine):
        cells = "".join(
            f"  {np.mean(rms[i, m]):5.2f}  {np.mean(mean[i, m]):6.2f}"
            for m in range(2, most + 1)
            if (i, m) in rms
        )
        print(f"{i:5d}  {np.mean(cosine[i]):6.2f}{cells}")
    total = "".join(
        f"  {np.mean([np.mean(rms[k]) for k in rms if k[1] == m]):5.2f}"
        f"  {np.mean([np.mean(mean[k]) for k in mean if k[1] == m]):6.2f}"
        for m in range(2, most + 1)
    )
    print(f"{'mean':>5s}  {np.mean([np.mean(v) for v in cosine.values()]):6.2f}{total}")


if __name__ == "__main__":
    main.__doc__ = __doc__.partition("\n")[0]
    typer.run(main)

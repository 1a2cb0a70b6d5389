#!/usr/bin/env python3
"""PyTorch's own step of the GAN, eager and compiled, as rows of a report, one a line as they are found.

torch_peer.py --device cuda|cpu [--sizes 8,32,128] [--base 2048] [--most 128] [--seconds S] [--backend NAME]

The networks and the step are those of `./dev bench speed` (bench/peers/gan_peer.py), one generator, 16 images, its
optimiser and moving average included. Compiled: torch.compile with CUDA graphs ("reduce-overhead") over both networks'
forward and backward passes; the gradient penalty stays eager, since torch.compile knows no second derivative.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[3] / "bench/peers"))
from gan_peer import Trainer  # noqa: E402

WARM = 5  # steps: compiling, and recording graphs, are over by then


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def images_a_second(trainer, device, seconds):
    real = (torch.rand(trainer.batch, 1, trainer.size, trainer.size) * 2 - 1).contiguous(memory_format=trainer.layout)

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        trainer.step(real)

    for _ in range(WARM):
        step()
    wait(device)
    begun, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - begun < seconds:
        step()
        steps += 1
        wait(device)
    return steps * trainer.batch / (time.perf_counter() - begun)


def compiled(trainer, backend):
    options = {"mode": "reduce-overhead"} if backend == "inductor" else {"backend": backend}
    trainer.g_run = torch.compile(trainer.g, **options)
    trainer.d_run = torch.compile(trainer.d, **options)
    return trainer


def say(**row):
    print(json.dumps(row | {"section": "step"}), flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(prog="torch_peer.py")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--sizes", default="8,32,128")
    parser.add_argument("--base", type=int, default=2048)
    parser.add_argument("--most", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--backend", default="inductor", help="what torch.compile compiles with")
    given = parser.parse_args(arguments)
    torch.set_default_device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # as troupe's step
    for size in map(int, given.sizes.split(",")):
        for name, change in (("eager", lambda t: t), ("compiled", lambda t: compiled(t, given.backend))):
            what = f"{size}x{size}, float32: PyTorch {name}, images a second (with its optimiser)"
            try:
                trainer = change(Trainer(size, given.base, given.most, 1, torch.channels_last))
                say(kind="figure", what=what, value=images_a_second(trainer, given.device, given.seconds), unit="1/s")
            except Exception as e:  # noqa: BLE001 - whatever PyTorch throws belongs into the report
                say(kind="not run", what=what, why=f"{type(e).__name__}: {e}"[:2000])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

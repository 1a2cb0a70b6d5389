#!/usr/bin/env python3
"""PyTorch's own step of the GAN at one size, as samples of a report, one a line as they are found.

torch_peer.py --size N --way eager|compiled [--device cuda|cpu] [--precisions float32,bfloat16] [--base 2048]
              [--most 128] [--seconds S] [--backend NAME]

The networks and the step are those of `./dev bench speed` (bench/peers/gan_peer.py), one generator, 16 images,
channels-last, its optimiser and moving average included; the images lie on the device already. bfloat16: by autocast, as
PyTorch's users have it. Compiled: torch.compile with CUDA graphs ("reduce-overhead") over both networks' forward and
backward passes, the critic's in the generator's step too; the gradient penalty stays eager, since torch.compile knows no
second derivative.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).resolve().parents[3] / "bench/peers"))
from gan_peer import DIVERSITY, GROUP, Trainer, class_loss  # noqa: E402

WARM = 5  # steps: compiling, and recording graphs, are over by then


class Compiled(Trainer):
    def __init__(self, backend, *arguments):
        super().__init__(*arguments)
        options = {"mode": "reduce-overhead"} if backend == "inductor" else {"backend": backend}
        self.g_run, self.d_run = torch.compile(self.g, **options), torch.compile(self.d, **options)

    def generator_loss(self, fake, label=0):
        out = self.d_run(fake, GROUP)
        return -out[:, 0].mean() + DIVERSITY * class_loss(out, label)


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def images_a_second(trainer, device, precision, seconds):
    real = (torch.rand(trainer.batch, 1, trainer.size, trainer.size) * 2 - 1).contiguous(memory_format=trainer.layout)

    def step():
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
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


def say(**row):
    print(json.dumps(row | {"section": "speed"}), flush=True)


def main(arguments):
    parser = argparse.ArgumentParser(prog="torch_peer.py")
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--way", choices=("eager", "compiled"), required=True)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--precisions", default="float32,bfloat16")
    parser.add_argument("--base", type=int, default=2048)
    parser.add_argument("--most", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--backend", default="inductor", help="what torch.compile compiles with")
    given = parser.parse_args(arguments)
    torch.set_default_device(given.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # as troupe's step
    sizes = (given.size, given.base, given.most, 1, torch.channels_last)
    for precision in given.precisions.split(","):
        who = f"PyTorch {given.way}"
        try:
            trainer = Trainer(*sizes) if given.way == "eager" else Compiled(given.backend, *sizes)
            say(kind="sample", of="speed", who=who, size=given.size, precision=precision,
                images_per_second=images_a_second(trainer, given.device, precision, given.seconds))
        except Exception as e:  # noqa: BLE001 - whatever PyTorch throws belongs into the report
            say(kind="not run", what=f"{given.size}x{given.size}, {precision}: {who}", why=f"{type(e).__name__}: {e}"[:2000])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

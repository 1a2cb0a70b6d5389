"""What a user would write instead of troupe's GAN: eager PyTorch, alone on all cores or under torchrun with
DistributedDataParallel over Gloo. Reads commands from the standard input of rank 0, one a line, answers each with a
line of JSON:
  time SIZE BASE MOST SECONDS         -> {"images_per_second": …, "seconds": …, "layout": …}
  losses SIZE BASE MOST GENERATORS LABEL GENERATOR_FILE CRITIC_FILE INPUTS_FILE -> {"critic": …, "generator": …}
"""
import json
import os
import sys
import time

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from gan_model import Critic, Generator, class_loss, load

LATENT, GROUP = 64, 8
BATCH = int(os.environ.get("TROUPE_PEER_BATCH", "16"))  # over all ranks
RATE, BETA2, AVERAGE, PENALTY, DRIFT, DIVERSITY = 1.5e-3, 0.99, 0.999, 10.0, 1e-3, 1.0


class Trainer:
    def __init__(self, size, base, most, ranks, layout, generators=1):
        torch.manual_seed(1)
        self.size, self.layout, self.batch = size, layout, BATCH // ranks
        self.g = Generator(size, LATENT, base, most, 1).to(memory_format=layout)
        self.d = Critic(size, base, most, 1, generators).to(memory_format=layout)
        self.g_run = DistributedDataParallel(self.g) if ranks > 1 else self.g
        self.d_run = DistributedDataParallel(self.d) if ranks > 1 else self.d
        adam = lambda m: torch.optim.Adam(m.parameters(), lr=RATE, betas=(0.0, BETA2), eps=1e-8, fused=True)
        self.g_adam, self.d_adam = adam(self.g), adam(self.d)
        self.average = [p.detach().clone() for p in self.g.parameters()]

    def critic_loss(self, real, fake, mix, label=0):
        batch = len(real)
        out = self.d_run(torch.cat([real, fake]), GROUP)
        between = (mix * real + (1 - mix) * fake).requires_grad_(True)
        score = self.d(between, GROUP, True)[:, 0].sum()
        slope = torch.autograd.grad(score, between, create_graph=True)[0]
        penalty = (slope.flatten(1).norm(2, 1) - 1).square().mean()
        on_real, on_fake = out[:batch, 0], out[batch:, 0]
        return (on_fake.mean() - on_real.mean() + DRIFT * on_real.square().mean() + PENALTY * penalty
                + class_loss(out[batch:], label))

    def generator_loss(self, fake, label=0):
        out = self.d(fake, GROUP)
        return -out[:, 0].mean() + DIVERSITY * class_loss(out, label)

    def step(self, real):
        z = torch.randn(self.batch, LATENT)
        fake = self.g_run(z)
        loss = self.critic_loss(real, fake.detach(), torch.rand(self.batch, 1, 1, 1))
        self.d_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.d_adam.step()
        self.d.requires_grad_(False)
        loss = self.generator_loss(fake)
        self.g_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.g_adam.step()
        self.d.requires_grad_(True)
        torch._foreach_lerp_(self.average, [p.detach() for p in self.g.parameters()], 1 - AVERAGE)

    @staticmethod
    def agree(value, ranks):
        if ranks > 1:
            dist.broadcast(value, 0)

    def run(self, seconds, ranks):
        """Images a second over all ranks, and the seconds; every rank stops after the same step."""
        real = torch.rand(self.batch, 1, self.size, self.size).contiguous(memory_format=self.layout) * 2 - 1
        self.step(real)
        start = time.perf_counter()
        self.step(real)
        # asked rarely, so that the asking costs nothing; as often on every rank
        every = torch.tensor([max(1, int(0.2 / (time.perf_counter() - start)))])
        self.agree(every, ranks)
        start, steps, go = time.perf_counter(), 0, torch.ones(1)
        while go.item():
            for _ in range(int(every.item())):
                self.step(real)
                steps += 1
            go[0] = float(time.perf_counter() - start < seconds)
            self.agree(go, ranks)
        spent = time.perf_counter() - start
        return steps * BATCH / spent, spent


class Peer:
    def __init__(self, ranks):
        self.ranks, self.trainers = ranks, {}

    def best(self, size, base, most):
        """Of both memory layouts the faster, tried once for each network."""
        key = (size, base, most)
        if key not in self.trainers:
            tried = []
            for layout in (torch.contiguous_format, torch.channels_last):
                trainer = Trainer(size, base, most, self.ranks, layout)
                speed = torch.tensor([trainer.run(0.3, self.ranks)[0]])
                trainer.agree(speed, self.ranks)
                tried.append((speed.item(), len(tried), trainer))
            self.trainers[key] = max(tried)[2]
        return self.trainers[key]

    def time(self, size, base, most, seconds):
        trainer = self.best(int(size), int(base), int(most))
        speed, spent = trainer.run(float(seconds), self.ranks)
        return {"images_per_second": speed, "seconds": spent, "layout": str(trainer.layout)}

    def losses(self, size, base, most, generators, label, generator_file, critic_file, inputs_file):
        from safetensors.torch import load_file

        trainer = Trainer(int(size), int(base), int(most), 1, torch.contiguous_format, int(generators))
        load(trainer.g, trainer.d, generator_file, critic_file)
        inputs = load_file(inputs_file)
        fake = trainer.g(inputs["latent"])
        critic = trainer.critic_loss(inputs["real"], fake.detach(), inputs["mix"], int(label))
        generator = trainer.generator_loss(fake, int(label))
        return {"critic": critic.item(), "generator": generator.item()}

    def answer(self, line):
        what, *arguments = line.split()
        return {"time": self.time, "losses": self.losses}[what](*arguments)


def main():
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    torch.set_num_threads(int(os.environ.get("TROUPE_PEER_THREADS", "1" if ranks > 1 else "2")))
    rank = 0
    if ranks > 1:
        dist.init_process_group("gloo")
        rank = dist.get_rank()
    peer = Peer(ranks)
    while True:
        line = [sys.stdin.readline() if rank == 0 else None]
        if ranks > 1:
            dist.broadcast_object_list(line, 0)
        if not line[0]:
            break
        answer = peer.answer(line[0])
        if rank == 0:
            print(json.dumps(answer), flush=True)
    if ranks > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    main()

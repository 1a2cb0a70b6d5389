"""The GAN of bench speed as one writes it in PyTorch: the same networks, losses and optimiser as train/gan, K = 1 or
more generators in turn, autograd throughout. Weights are read from troupe's safetensors files."""
import math

import torch
from torch import nn
from torch.nn import functional as F


def width(size, base, most):
    return max(1, min(base >> (int(math.log2(size)) - 1), most))


class Equal(nn.Module):
    """A convolution or dense layer with an equalised learning rate."""

    def __init__(self, shape, fan_in, gain=math.sqrt(2)):
        super().__init__()
        self.raw = nn.Parameter(torch.randn(shape))
        self.scale = gain / math.sqrt(fan_in)

    def forward(self):
        return self.raw * self.scale


class Conv(nn.Module):
    def __init__(self, inner, outer, kernel=3, gain=math.sqrt(2), fan_in=None):
        super().__init__()
        self.weight = Equal((outer, inner, kernel, kernel), fan_in or inner * kernel * kernel, gain)
        self.bias = nn.Parameter(torch.zeros(outer))
        self.padding = kernel // 2

    def forward(self, x):
        return F.conv2d(x, self.weight(), self.bias, padding=self.padding)


class Dense(nn.Module):
    def __init__(self, inner, outer, gain=math.sqrt(2), biases=None):
        super().__init__()
        self.weight = Equal((outer, inner), inner, gain)
        self.bias = nn.Parameter(torch.zeros(biases or outer))

    def forward(self, x):
        return F.linear(x, self.weight(), self.bias)


def act(x):
    return F.leaky_relu(x, 0.2)


def norm(x):
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class Generator(nn.Module):
    def __init__(self, size, latent, base, most, channels):
        super().__init__()
        self.c4 = width(4, base, most)
        self.dense = Dense(latent, 16 * self.c4, math.sqrt(2) / 4, self.c4)
        self.conv = Conv(self.c4, self.c4)
        self.sizes = [2**i for i in range(3, int(math.log2(size)) + 1)]
        self.up = nn.ModuleList(Conv(width(r // 2, base, most), width(r, base, most)) for r in self.sizes)
        self.convs = nn.ModuleList(Conv(width(r, base, most), width(r, base, most)) for r in self.sizes)
        self.rgb = Conv(width(size, base, most), channels, 1, 1)

    def forward(self, z):
        h = F.linear(norm(z), self.dense.weight()).view(-1, 4, 4, self.c4).permute(0, 3, 1, 2)
        h = norm(act(h + self.dense.bias.view(1, -1, 1, 1)))
        h = norm(act(self.conv(h)))
        for up, conv in zip(self.up, self.convs):
            h = norm(act(up(F.interpolate(h, scale_factor=2))))
            h = norm(act(conv(h)))
        return self.rgb(h)


class Critic(nn.Module):
    def __init__(self, size, base, most, channels, generators):
        super().__init__()
        c4, dense = width(4, base, most), min(base, most)
        self.rgb = Conv(channels, width(size, base, most), 1)
        self.sizes = [2**i for i in range(int(math.log2(size)), 2, -1)]
        self.convs = nn.ModuleList(Conv(width(r, base, most), width(r, base, most)) for r in self.sizes)
        self.down = nn.ModuleList(Conv(width(r, base, most), width(r // 2, base, most)) for r in self.sizes)
        self.conv = Conv(c4 + 1, c4)
        self.dense = Dense(16 * c4, dense)
        self.head = Dense(dense, 1 + generators if generators > 1 else 1, 1)

    def forward(self, x, group, constant_deviation=False):
        h = act(self.rgb(x))
        for conv, down in zip(self.convs, self.down):
            h = act(conv(h))
            h = act(F.avg_pool2d(down(h), 2))
        s = (h.unflatten(0, (-1, group)).var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        if constant_deviation:
            s = s.detach()
        s = s.repeat_interleave(group).view(-1, 1, 1, 1)
        h = torch.cat([h, s.expand(len(h), 1, 4, 4)], 1)
        h = act(self.conv(h))
        h = act(self.dense(h.permute(0, 2, 3, 1).flatten(1)))
        return self.head(h)


def class_loss(out, generator):
    if out.shape[1] == 1:
        return out.new_zeros(())
    return F.cross_entropy(out[:, 1:], torch.full((len(out),), generator))


def load(generator, critic, generator_file, critic_file):
    """Takes over troupe's parameters, channels-last as they are stored."""
    from safetensors.torch import load_file

    def fill(module, tensors):
        with torch.no_grad():
            for parameter, values in tensors:
                parameter.copy_(values)

    t = {k.removeprefix("generator."): v for k, v in load_file(generator_file).items()}
    pairs = [(generator.dense.weight.raw, t["4.dense.weight"]), (generator.dense.bias, t["4.dense.bias"])]
    conv = lambda layer, name: [(layer.weight.raw, t[name + ".weight"].permute(0, 3, 1, 2)), (layer.bias, t[name + ".bias"])]
    pairs += conv(generator.conv, "4.conv")
    for r, up, same in zip(generator.sizes, generator.up, generator.convs):
        pairs += [(up.weight.raw, t[f"{r}.up.weight"].permute(3, 0, 1, 2)), (up.bias, t[f"{r}.up.bias"])]
        pairs += conv(same, f"{r}.conv")
    size = generator.sizes[-1] if generator.sizes else 4
    pairs += [(generator.rgb.weight.raw, t[f"{size}.rgb.weight"][:, :, None, None]), (generator.rgb.bias, t[f"{size}.rgb.bias"])]
    fill(generator, pairs)
    t = {k.removeprefix("critic."): v for k, v in load_file(critic_file).items()}
    pairs = []
    for r, same, down in zip(critic.sizes, critic.convs, critic.down):
        pairs += conv(same, f"{r}.conv") + conv(down, f"{r}.down")
    taps = t["4.deviation.weight"].permute(2, 0, 1)[:, None]
    pairs += [(critic.conv.weight.raw, torch.cat([t["4.conv.weight"].permute(0, 3, 1, 2), taps], 1)), (critic.conv.bias, t["4.conv.bias"])]
    for layer, name in ((critic.dense, "4.dense"), (critic.head, "4.head")):
        pairs += [(layer.weight.raw, t[name + ".weight"]), (layer.bias, t[name + ".bias"])]
    pairs += [(critic.rgb.weight.raw, t[f"{size}.rgb.weight"].t()[:, :, None, None]), (critic.rgb.bias, t[f"{size}.rgb.bias"])]
    fill(critic, pairs)

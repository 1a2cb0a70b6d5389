"""The networks of the bench predict-memory as a user of PyTorch writes them; the same as in tests/predict/module/nets.hpp."""
import torch
from torch import nn
from torch.nn import functional as F


def twice(extents, i, o):
    if extents == 2:
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True),
                             nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(True))
    return nn.Sequential(nn.Conv3d(i, o, 3, padding=1), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(0.01, True),
                         nn.Conv3d(o, o, 3, padding=1), nn.InstanceNorm3d(o, affine=True), nn.LeakyReLU(0.01, True))


class UNet(nn.Module):
    def __init__(self, extents, base, depth):
        super().__init__()
        widths = [base << i for i in range(depth + 1)]
        self.pool = F.max_pool2d if extents == 2 else F.max_pool3d
        larger = nn.ConvTranspose2d if extents == 2 else nn.ConvTranspose3d
        last = nn.Conv2d if extents == 2 else nn.Conv3d
        self.down = nn.ModuleList(twice(extents, i, o) for i, o in zip([1] + widths[:-2], widths[:-1]))
        self.middle = twice(extents, widths[-2], widths[-1])
        self.enlarge = nn.ModuleList(larger(2 * w, w, 2, stride=2) for w in reversed(widths[:-1]))
        self.up = nn.ModuleList(twice(extents, 2 * w, w) for w in reversed(widths[:-1]))
        self.last = last(base, 4, 1)

    def forward(self, x):
        kept = []
        for down in self.down:
            x = down(x)
            kept.append(x)
            x = self.pool(x, 2)
        x = self.middle(x)
        for enlarge, up in zip(self.enlarge, self.up):
            x = up(torch.cat([kept.pop(), enlarge(x)], 1))
        return self.last(x)


def dice(scores, labels):
    p = torch.softmax(scores, 1)
    truth = torch.zeros_like(p).scatter_(1, labels.unsqueeze(1), 1.0)
    space = list(range(2, scores.dim()))
    both, total = (p * truth).sum(space), p.sum(space) + truth.sum(space)
    return 1 - ((2 * both + 1) / (total + 1)).mean()


class Mixer(nn.Module):
    def __init__(self, side, patch, width, depth):
        super().__init__()
        patches = (side // patch) ** 2
        self.cut = nn.Conv2d(3, width, patch, stride=patch)
        self.blocks = nn.ModuleList(nn.ModuleList([
            nn.LayerNorm(width), nn.Linear(patches, 2 * patches), nn.Linear(2 * patches, patches),
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)]) for _ in range(depth))
        self.after, self.head = nn.LayerNorm(width), nn.Linear(width, 10)

    def forward(self, x):
        x = self.cut(x).flatten(2).transpose(1, 2)
        for before, patch_in, patch_out, between, channel_in, channel_out in self.blocks:
            x = x + patch_out(F.gelu(patch_in(before(x).transpose(1, 2)))).transpose(1, 2)
            x = x + channel_out(F.gelu(channel_in(between(x))))
        return self.head(self.after(x).mean(1))


class Residual(nn.Module):
    def __init__(self, width, stages):
        super().__init__()
        conv = lambda i, o, size, stride: nn.Conv2d(i, o, size, stride, size // 2, bias=False)
        self.first, self.blocks = conv(3, width, 3, 1), nn.ModuleList()
        for s in range(stages):
            for k in range(2):
                halve, o = k == 0 and s > 0, width << s
                i = o // 2 if halve else o
                self.blocks.append(nn.ModuleList([conv(i, o, 3, 2 if halve else 1), nn.BatchNorm2d(o), conv(o, o, 3, 1),
                                                  nn.BatchNorm2d(o), conv(i, o, 1, 2) if halve else nn.Identity()]))
        self.head = nn.Linear(width << (stages - 1), 10)

    def forward(self, x):
        x = torch.relu(self.first(x))
        for a, na, b, nb, side in self.blocks:
            x = torch.relu(nb(b(torch.relu(na(a(x))))) + side(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Traced(nn.Module):
    """To be traced: no branch, no loop."""

    def __init__(self):
        super().__init__()
        widths = [3, 16, 32, 64]
        self.layers = nn.Sequential(*(nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2))
                                      for i, o in zip(widths, widths[1:])), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
                                    nn.Linear(1024, 10))

    def forward(self, x):
        return self.layers(x)


class Scripted(nn.Module):
    """To be scripted: how often it halves depends on the input's size."""

    def __init__(self):
        super().__init__()
        self.first, self.again, self.head = nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(24, 24, 3, padding=1), nn.Linear(24, 10)
        self.norm = nn.GroupNorm(4, 24)

    def forward(self, x):
        x = F.silu(self.first(x))
        for _ in range(4):
            x = x + F.gelu(self.norm(self.again(x)))
            if x.size(2) > 16:
                x = F.avg_pool2d(x, 2)
        return self.head(x.mean([2, 3]))


def make(c):
    """(network, step's loss, input, labels) of a configuration; the optimiser is made by the caller."""
    kind, batch = c["kind"], c["batch"]
    if kind in ("unet2", "unet3"):
        extents = int(kind[-1])
        space = [c["side"]] * extents
        loss = lambda out, y: F.cross_entropy(out, y) + dice(out, y)
        return UNet(extents, c["base"], c["depth"]), loss, [batch, 1] + space, ([batch] + space, 4)
    shape = [batch, 3, c["side"], c["side"]]
    if kind == "mixer":
        return Mixer(c["side"], c["patch"], c["base"], c["depth"]), F.cross_entropy, shape, ([batch], 10)
    if kind == "residual":
        return Residual(c["base"], c["depth"]), F.cross_entropy, shape, ([batch], 10)
    return (Traced() if kind == "traced" else Scripted()), lambda out, _: out.square().mean(), shape, ([1], 1)


def optimiser(c, net):
    if c["kind"] in ("mixer", "residual"):
        return torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    return torch.optim.Adam(net.parameters(), 1e-3)

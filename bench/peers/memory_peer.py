"""What PyTorch's own tools and others from PyPI foretell of a training step's peak memory. Reads a line of JSON at a time:
  {"save": PATH, "kind": "traced" | "scripted"}      -> {"saved": PATH}
  {"kind": …, "base": …, "depth": …, "side": …, "batch": …} -> {"TOOL": bytes, …}: -1 where a tool fails
Tools that are not there are left out; those from PyPI are looked for in the folder TROUPE_PEER_PACKAGES too.
"""
import json
import os
import sys
import warnings

sys.path.append(os.environ.get("TROUPE_PEER_PACKAGES", ""))
warnings.filterwarnings("ignore")
os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler tells of each of its runs otherwise
import torch

from memory_nets import make, optimiser

torch.set_num_threads(1)


def step(net, optim, loss, x, y):
    optim.zero_grad(set_to_none=True)
    loss(net(x), y).backward()
    optim.step()


def fake_mem_tracker(c):
    """torch.distributed._tools.MemTracker under FakeTensorMode: the step on tensors without data."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.distributed._tools.mem_tracker import MemTracker
    with FakeTensorMode():
        net, loss, shape, (labels, classes) = make(c)
        optim = optimiser(c, net)
        x, y = torch.randn(shape), torch.randint(0, classes, labels)
        tracker = MemTracker()
        tracker.track_external(net, optim, x, y)
        with tracker:
            for i in range(2):
                step(net, optim, loss, x, y)
                if i == 0:
                    tracker.reset_mod_stats()
        snapshot = tracker.get_tracker_snapshot("peak")
    return max(sum(v for k, v in of_device.items() if str(k).rsplit(".", 1)[-1].lower() != "total")
               for of_device in snapshot.values())


def torchinfo_total(c):
    """torchinfo's "Estimated Total Size": input, outputs of a forward and a backward pass, parameters."""
    import torchinfo
    net, _, shape, _ = make(c)
    told = torchinfo.summary(net, input_size=shape, verbose=0, mode="train", device="cpu")
    return told.total_input + told.total_output_bytes + told.total_param_bytes


def fvcore_activations(c):
    """fvcore counts activations; with their gradients, and parameters with theirs and the optimiser's state, as one would add them up."""
    from fvcore.nn import ActivationCountAnalysis
    net, _, shape, _ = make(c)
    count = ActivationCountAnalysis(net, torch.zeros(shape)).unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    states = 3 if c["kind"] in ("mixer", "residual") else 4
    return 4 * (2 * count.total() + states * sum(p.numel() for p in net.parameters()))


def profiled(c):
    """torch.profiler's memory events of two steps that are really run: no forecast, the truth as Python sees it."""
    net, loss, shape, (labels, classes) = make(c)
    optim = optimiser(c, net)
    x, y = torch.randn(shape), torch.randint(0, classes, labels)
    held = sum(t.numel() * t.element_size() for t in [*net.parameters(), *net.buffers(), x, y])
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as p:
        for _ in range(2):
            step(net, optim, loss, x, y)
    now = most = 0
    for event in sorted((e for e in p.profiler.kineto_results.events() if e.name() == "[memory]"), key=lambda e: e.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return held + most


TOOLS = {"fake_mem_tracker": fake_mem_tracker, "torchinfo": torchinfo_total, "fvcore": fvcore_activations,
         "profiler_run": profiled}


def answer(question):
    if "save" in question:
        net, _, shape, _ = make(question)
        net.train()
        made = torch.jit.trace(net, torch.zeros(shape)) if question["kind"] == "traced" else torch.jit.script(net)
        made.save(question["save"])
        return {"saved": question["save"]}
    told = {}
    for name, tool in TOOLS.items():
        try:
            told[name] = tool(question)
        except ImportError as missing:
            print(f"memory_peer: {name} is left out: {missing}", file=sys.stderr)
        except Exception as failed:
            print(f"memory_peer: {name} fails: {str(failed)[:200]}", file=sys.stderr)
            told[name] = -1
    return told


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)

"""Figures that are made of several measurements: ratios, fairness, errors. Pure.

A sample is a row of kind "sample" as the parts' programs write it; `of` says what it is a sample of.
"""
import statistics

ALONE, SLICES, STREAMS, PROCESSES = "alone", "slices", "streams", "processes"
AS_IT_IS = "as-it-is"
# size up to which troupe's step is to be so many times as fast as PyTorch's eager one
TIMES_EAGER = ((32, 3.0), (128, 1.5), (512, 1.0))
TIMES_COMPILED = 1.0
TIMES_PROCESSES = 1.5
FORECAST_ERROR = 0.03


def figure(section, what, value, unit, at_least=None, at_most=None):
    row = {"kind": "figure", "what": what, "value": value, "unit": unit, "section": section}
    if at_least is not None:
        row |= {"goal": f"at least {at_least:g}", "met": value >= at_least}
    if at_most is not None:
        row |= {"goal": f"at most {at_most:g}", "met": value <= at_most}
    return row


def samples(rows, of):
    return [row for row in rows if row["kind"] == "sample" and row["of"] == of]


def times_eager(size):
    return next((times for up_to, times in TIMES_EAGER if size <= up_to), None)


def speed(rows):
    """Images a second, and troupe's over PyTorch's, timed last before it at the same size in the same precision."""
    found, ours = [], {}
    for s in samples(rows, "speed"):
        name = f"{s['size']}x{s['size']}, {s['precision']}: "
        found.append(figure("speed", f"{name}{s['who']}, whole step", s["images_per_second"], "images/s"))
        if s["who"] == "troupe":
            ours[s["size"], s["precision"]] = s
            found.append(figure("speed", f"{name}of it, waiting for data", s["waited_for_data"], "of the time"))
            continue
        mine = ours.get((s["size"], s["precision"]))
        if mine and s["images_per_second"] > 0:
            goal = times_eager(s["size"]) if s["who"].endswith("eager") else TIMES_COMPILED
            found.append(figure("speed", f"{name}troupe over {s['who']}", mine["images_per_second"] / s["images_per_second"], "ratio", goal))
    return found


def jain(shares):
    """1 where all get the same, 1/n where one gets all (Jain, Chiu, Hawe 1984)."""
    squares = sum(s * s for s in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


def packing(rows):
    """A job's share is its images a second over those of the same job alone on the device; throughput is their sum."""
    all_of = samples(rows, "packing")
    alone = {s["sizes"][0]: s["images_per_second"][0] for s in all_of if s["how"] == ALONE}
    found, throughput = [], {}
    for s in all_of:
        if s["how"] == ALONE:
            found.append(figure("packing", f"GAN {s['sizes'][0]}x{s['sizes'][0]} alone", s["images_per_second"][0], "images/s"))
            continue
        if not all(alone.get(size) for size in s["sizes"]):
            continue
        shares = [rate / alone[size] for size, rate in zip(s["sizes"], s["images_per_second"])]
        jobs, name = len(shares), f"{len(shares)} jobs, {s['how']}: "
        throughput[jobs, s["how"]] = sum(shares)
        found += [figure("packing", name + "throughput", sum(shares), "jobs alone"),
                  figure("packing", name + "fairness (Jain)", jain(shares), "of 1"),
                  figure("packing", name + "the least share over the most", min(shares) / max(shares) if max(shares) else 0.0, "ratio")]
    for jobs, how in sorted(throughput):
        if how != SLICES:
            continue
        for other, goal in ((PROCESSES, TIMES_PROCESSES), (STREAMS, None)):
            if throughput.get((jobs, other)):
                found.append(figure("packing", f"{jobs} jobs: throughput on slices over {other}",
                                    throughput[jobs, how] / throughput[jobs, other], "ratio", goal))
    return found


def forecast(rows):
    """What was foretold over what was held, and the errors' median, of the GAN and of modules apart."""
    found, ratios = [], {}
    for s in samples(rows, "forecast"):
        if s["held"] <= 0:
            continue
        ratio = s["told"] / s["held"]
        ratios.setdefault(s["what"].split()[0], []).append(ratio)
        found.append(figure("forecast", f"{s['what']}: held", s["held"] / 2**20, "MiB"))
        found.append(figure("forecast", f"{s['what']}: foretold over held", ratio, "ratio"))
        if "seconds" in s:
            found.append(figure("forecast", f"{s['what']}: the forecast took", s["seconds"], "s"))
    for kind, of in ratios.items():
        found.append(figure("forecast", f"{kind}: median error over {len(of)}", statistics.median(abs(r - 1) for r in of), "of what was held",
                            at_most=FORECAST_ERROR))
        found.append(figure("forecast", f"{kind}: the lowest foretold over held", min(of), "ratio", at_least=1.0))
    return found


def bits(rows):
    """With each pin: how often bits differed from those on all SMs, and what the pin costs."""
    found, as_it_is, differ = [], {}, {}
    for s in samples(rows, "bits"):
        differ[s["pin"]] = differ.get(s["pin"], 0) + sum(not same for same in s["same"].values())
        if s["pin"] == AS_IT_IS:
            as_it_is[s["size"]] = s["step_ms"]
        elif as_it_is.get(s["size"]):
            found.append(figure("bits", f"{s['size']}x{s['size']}, {s['pin']}: a step's time over that as it is",
                                s["step_ms"] / as_it_is[s["size"]], "ratio"))
    return [figure("bits", f"{pin}: sizes and SMs with other bits than on all SMs", n, "", at_most=0) for pin, n in differ.items()] + found


def differs(rows):
    return any(not same for s in samples(rows, "bits") for same in s["same"].values())


def everything(rows):
    return bits(rows) + speed(rows) + packing(rows) + forecast(rows)

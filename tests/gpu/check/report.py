"""gpu-check.md and gpu-check.json out of what a check found."""
import datetime
import json
from pathlib import Path

HELD = {True: "held", False: "FAILED"}
MET = {True: "met", False: "missed", None: ""}


def number(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def cell(value):
    return str(value).replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    return [f"| {' | '.join(head)} |", "|" + "---|" * len(head)] + [f"| {' | '.join(cell(c) for c in row)} |" for row in rows] + [""]


def page(rows, versions, seconds, when):
    of = lambda kind: [r for r in rows if r["kind"] == kind]
    facts = [(r["what"], json.dumps(r["value"]) if isinstance(r["value"], dict) else r["value"]) for r in of("fact")]
    lines = ["# GPU check", f"Made by `./dev gpu-check` on {when}. Times are of one run; a ratio is worth more than a time.", ""]
    lines += table(["what", "value"], [*facts, *[(k, v) for k, v in versions.items() if v], ("seconds spent", json.dumps(seconds))])
    lines += ["## Figures"] + table(["part", "figure", "value", "goal", ""],
                                    [(r["section"], r["what"], f"{number(r['value'])} {r['unit']}".strip(), r.get("goal", ""), MET[r.get("met")])
                                     for r in of("figure")])
    lines += ["## What must hold"] + table(["part", "what", "", "why"],
                                           [(r["section"], r["what"], HELD[r["held"]], r.get("why", "")) for r in of("check")])
    if of("not run"):
        lines += ["## Not run"] + table(["part", "what", "why"], [(r["section"], r["what"], r["why"]) for r in of("not run")])
    return "\n".join(lines)


def write(folder, rows, versions, seconds):
    """Whether all held. Goals that were missed are told, and are no failure."""
    held = all(r["held"] for r in rows if r["kind"] == "check")
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    Path(folder).mkdir(parents=True, exist_ok=True)
    whole = {"when": when, "held": held, "versions": versions, "seconds": seconds, "rows": rows}
    (Path(folder) / "gpu-check.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (Path(folder) / "gpu-check.md").write_text(page(rows, versions, seconds, when), encoding="utf-8")
    return held

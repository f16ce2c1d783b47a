# SPDX-License-Identifier: GPL-2.0-only
"""The report of a study: tables in CSV, pictures, and a page that shows them. Needs the study's folder only."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from agents.arrays import Array
from agents.evidence import pictures as draw
from agents.evidence import statistics
from agents.evidence.folder import DONE, LEFT_OUT, MODES, PLAN, run_folder, write_rows
from agents.evidence.plan import INDICATORS, indicator_columns
from agents.evidence.scores import (
    BASELINE,
    BOUNDS,
    Scores,
    best_baseline,
    read_bounds,
    read_scores,
    trained_policy,
    write_utilities,
)
from agents.evidence.statistics import Estimate
from agents.report import read_curve
from agents.training import CURVE

Row = dict[str, Any]
FEW_RUNS = (
    "Where runs differ, such an interval of a mean difference from three training runs each holds the truth in 83 to "
    "87 of 100 cases only."
)


def write_report(out: Path) -> Path:
    """Everything of the report that the folder's evaluations allow; returns the page."""
    about = json.loads((out / PLAN).read_text())
    plan = about["plan"]
    scores = read_scores(out, plan)
    write_utilities(out, scores)
    reference = plan["variants"][0]["name"]
    groups = {variant["name"]: variant["group"] for variant in plan["variants"]}
    main = {
        name: one
        for name, one in scores.items()
        if one.kind == BASELINE or groups[one.variant] == "algorithms"
    }  # fmt: skip
    best = best_baseline(main)
    ours = trained_policy(reference, "greedy")
    bounds = read_bounds(out)
    parts: list[str] = [_head(about, out, plan)]
    parts.append(_verdict(main, ours, best, bounds, plan))
    results = result_rows(main, ours, best)
    write_rows(out / "results.csv", results)
    parts.append(_main_part(out, main, results, bounds, ours))
    parts.append(_indicator_part(out, main))
    parts.append(_training_part(out, plan, main, best))
    for group, title in (
        ("ablations", "Ablations of the learner's switches"),
        ("constraints", "With and without constraints"),
    ):
        parts.append(_against_reference(out, scores, groups, group, title, ours))
    parts.append(_anarchy_part(out, scores, plan))
    parts.append(_files(about, out))
    page = out / "index.html"
    body = "\n".join(part for part in parts if part)
    page.write_text(PAGE.format(title=escape(f"Study of {about['scenario']}"), body=body))
    return page


def result_rows(scores: dict[str, Scores], ours: str, best: str) -> list[Row]:
    """One row for each policy, best first: utility, comparisons, and every indicator with its interval."""
    rows = []
    names = list(next(iter(scores.values())).columns)
    for name, one in sorted(scores.items(), key=lambda item: -statistics.interquartile_mean(item[1].utility)):
        utility = statistics.estimate(one.utility)
        against = statistics.compare(scores[ours].utility, one.utility)
        over_best = statistics.compare(one.utility, scores[best].utility)
        row = {"policy": name, "kind": one.kind, "runs": len(one.utility), "episodes": one.utility.shape[1]}
        row |= {"utility_mean": float(one.utility.mean())} | utility.cells("utility_iqm")
        row |= against.cells("improvement_of_reference") | over_best.cells("improvement_over_best_baseline")
        for (title, who), columns in indicator_columns(names).items():
            key = "_".join([title, who]).strip("_").lower().replace(" ", "_").replace("-", "_")
            row |= _indicator(one, columns).cells(key)
        rows.append(row)
    return rows


def _indicator(one: Scores, columns: list[str]) -> Estimate:
    values = np.mean([one.columns[column] for column in columns], axis=0)
    if not np.isfinite(values).all():
        return Estimate(math.nan, math.nan, math.nan)
    return statistics.estimate(values, statistics.mean)


def _head(about: Row, out: Path, plan: Row) -> str:
    machine = about["machine"]
    done = [json.loads(file.read_text()) for file in sorted((out / "runs").glob(f"*/{DONE}"))]
    hours = sum(one["wall_s"] for one in done) / 3600
    left_out = json.loads((out / LEFT_OUT).read_text()) if (out / LEFT_OUT).exists() else {}
    lines = [
        f"<h1>Study of {escape(about['scenario'])}</h1>",
        f"<p>{len(done)} training runs of {plan['steps']:,} environment steps (rounded up to whole segments) in "
        f"{hours:.2f} hours of wall time; every policy on the same {plan['episodes']} held-out seeds, from "
        f"{plan['seeds_from']} on. Intervals are 95 % bootstrap intervals over training runs and held-out seeds. "
        f"{FEW_RUNS}</p>",
        f"<p class=note>{escape(machine['processor'])}, {machine['cores']} cores, {machine['memory_gib']} GiB; "
        f"Python {machine['python']}, torch {machine['torch']}, qntn {machine['qntn']}, revision "
        f"{escape(about['git_revision'][:12] or 'unknown')}.</p>",
    ]
    if left_out:
        items = "".join(f"<li>{escape(name)}: {escape(reason)}</li>" for name, reason in left_out.items())
        lines.append(f"<p class=note>Left out, because this version does not know their settings:</p><ul>{items}</ul>")
    return "\n".join(lines)


def _verdict(main: dict[str, Scores], ours: str, best: str, bounds: dict[str, Array], plan: Row) -> str:
    better = statistics.compare(main[ours].utility, main[best].utility)
    gain = statistics.compare(main[ours].utility, main[best].utility, statistics.gain)
    goal = "reached" if better.value >= 0.95 else "not reached"
    lines = [
        f"<p>{escape(ours)} beats the best baseline, {escape(best)}, with probability {_text(better)}; its "
        f"interquartile mean of utility is {_signed(gain)} apart. The goal of 0.95 is {goal}.</p>"
    ]
    cost = "deployment_cost_usd"
    if cost in main[ours].columns:
        mine, theirs = (statistics.estimate(main[name].columns[cost], statistics.mean) for name in (ours, best))
        lines.append(f"<p>Deployment costs {_text(mine)} a step, against {_text(theirs)}.</p>")
    for name, what in BOUNDS.items():
        if name not in bounds:
            continue
        have, start, ceiling = main[ours].utility, main[best].utility, bounds[name]
        if ceiling.mean() <= start.mean():
            lines.append(f"<p>{escape(best)} lies above the {what} ({ceiling.mean():.3f}): it is no bound here.</p>")
            continue
        part = statistics.closed_gap(have, start, ceiling)
        lines.append(
            f"<p>By means it closes {part.value:.0%} ({part.low:.0%} .. {part.high:.0%}) of the gap between "
            f"{escape(best)} ({start.mean():.3f}) and the {what} ({ceiling.mean():.3f}).</p>"
        )
    reference, *others = (variant["name"] for variant in plan["variants"] if variant["group"] == "algorithms")
    for name in others:
        pairs = {mode: (trained_policy(reference, mode), trained_policy(name, mode)) for mode in MODES}
        found = [
            f"{_text(statistics.compare(main[mine].utility, main[theirs].utility))} {mode}"
            for mode, (mine, theirs) in pairs.items()
            if mine in main and theirs in main
        ]
        if found:
            lines.append(
                f"<p>Against {escape(name)} at equal steps: probability of improvement {', '.join(found)}.</p>"
            )
    return "<h2>Result</h2>" + "\n".join(lines)


def _main_part(
    out: Path, main: dict[str, Scores], results: list[Row], bounds: dict[str, Array], ours: str
) -> str:  # fmt: skip
    order = [row["policy"] for row in results]
    kinds = {name: _kind(main[name]) for name in order}
    iqm = {row["policy"]: Estimate.of(row, "utility_iqm") for row in results}
    at_best = {name: float(values.mean()) for name, values in bounds.items()}
    lines = {what: at_best[name] for name, what in BOUNDS.items() if name in at_best}
    draw.dots(
        out / "utility.png", "Utility on held-out seeds", {"interquartile mean": iqm}, kinds=kinds, lines=lines
    )  # fmt: skip
    others = {
        row["policy"]: Estimate.of(row, "improvement_of_reference") for row in results if row["policy"] != ours
    }  # fmt: skip
    draw.dots(
        out / "improvement.png",
        f"Probability that {ours} is better than ...",
        {"on a held-out seed": others},
        kinds=kinds,
        lines={"even": 0.5},
    )
    low = min(float(one.utility.min()) for one in main.values())
    high = max(float(one.utility.max()) for one in main.values())
    levels = np.linspace(low, high, 200)
    shown = [name for name in order if main[name].kind != "sampled"][:9]
    draw.profiles(
        out / "profiles.png", levels, {name: statistics.profile(main[name].utility, levels) for name in shown}
    )  # fmt: skip
    table = [
        {
            "policy": row["policy"],
            "runs": row["runs"],
            "utility, IQM": _text(Estimate.of(row, "utility_iqm")),
            f"P({ours} better)": "" if row["policy"] == ours else _text(Estimate.of(row, "improvement_of_reference")),
            "P(better than the best baseline)": _text(Estimate.of(row, "improvement_over_best_baseline")),
        }
        for row in results
    ]
    notes = ""
    if "utility_fixed_relays" in at_best:
        notes = (
            "<p class=note>The fluid optimum is that of an analytic model fed with the loads and capacities of the "
            f"same seeds: {at_best['utility_fixed_relays']:.3f} with relays that are chosen once for an episode, "
            f"{at_best['utility_no_cost']:.3f} if relays cost nothing. It is no bound on the simulation itself.</p>"
        )
    if "utility_alone" in at_best:
        notes += (
            "<p class=note>Slices alone: the sum of what each slice gets in the simulation when cells and servers give "
            f"it everything and the others nothing, on the same seeds: {at_best['utility_alone']:.3f}. Nothing is "
            "shared there, so no policy can be expected to reach it; it is measured, not proved (utility-alone.csv "
            "has the parts).</p>"
        )
    if "utility_hindsight" in at_best:
        notes += (
            "<p class=note>Shares in hindsight: each cell's division of its carrier chosen for each step by what came "
            f"of it in the simulation, under favourable key and relays: {at_best['utility_hindsight']:.3f} on the same "
            "seeds. No policy can be expected to know so much; it is measured, not proved (utility-hindsight.csv has "
            "the parts).</p>"
        )
    pictures = "".join(map(_image, ("utility.png", "improvement.png", "profiles.png")))
    return f"<h2>Utility</h2>{_table(table)}{notes}{pictures}"


def _indicator_part(out: Path, main: dict[str, Scores]) -> str:
    shown = {name: one for name, one in main.items() if one.kind != "sampled"}
    order = sorted(shown, key=lambda name: -statistics.interquartile_mean(shown[name].utility))
    kinds = {name: _kind(shown[name]) for name in order}
    by_title: dict[str, dict[str, list[str]]] = {}
    for (title, who), columns in indicator_columns(list(shown[order[0]].columns)).items():
        by_title.setdefault(title, {})[who] = columns
    parts = []
    for indicator in INDICATORS:
        panels = by_title.get(indicator.title)
        if not panels:
            continue
        file = indicator.title.lower().replace(" ", "-") + ".png"
        values = {who or "mean": {n: _indicator(shown[n], columns) for n in order} for who, columns in panels.items()}
        better = {1: "more is better", -1: "less is better", 0: ""}[indicator.better]
        title = indicator.title + (f" ({better})" if better else "")
        draw.dots(out / file, title, values, kinds=kinds, unit=indicator.unit)
        parts.append(_image(file))
    return "<h2>Service, resources and cost</h2>" + "".join(parts) if parts else ""


def _training_part(out: Path, plan: Row, main: dict[str, Scores], best: str) -> str:
    by_variant: dict[str, list[tuple[Array, Array]]] = {}
    curve_rows: list[Row] = []
    runs: list[Row] = []
    for variant in plan["variants"]:
        for seed in variant["seeds"]:
            run = run_folder(out, variant["name"], seed)
            if not (run / DONE).exists():
                continue
            curve = read_curve(run / CURVE)
            done = json.loads((run / DONE).read_text())
            runs.append(
                {"variant": variant["name"], "seed": seed, **done, "steps_per_s": done["env_steps"] / done["wall_s"]}
            )
            if variant["group"] == "algorithms":
                by_variant.setdefault(variant["name"], []).append((curve["env_steps"], curve["utility/step"]))
            curve_rows += [
                {"variant": variant["name"], "seed": seed, "env_steps": int(steps), "utility": utility}
                for steps, utility in zip(curve["env_steps"], curve["utility/step"], strict=True)
            ]
    write_rows(out / "curves.csv", curve_rows)
    write_rows(out / "runs.csv", runs)
    levels = {best: float(main[best].utility.mean())}
    if "proportional-to-demand" in main:
        levels["proportional-to-demand"] = float(main["proportional-to-demand"].utility.mean())
    draw.curves(out / "curves.png", by_variant, levels, "Learning curves (mean and range over training seeds)")
    table = [
        {
            "variant": row["variant"],
            "seed": row["seed"],
            "steps": f"{row['env_steps']:,}",
            "wall time [min]": f"{row['wall_s'] / 60:.1f}",
            "steps/s": f"{row['steps_per_s']:.0f}",
        }
        for row in runs
    ]
    return f"<h2>Training</h2>{_image('curves.png')}{_table(table)}"


def _against_reference(
    out: Path, scores: dict[str, Scores], groups: dict[str, str], group: str, title: str, ours: str
) -> str:
    names = [name for name, one in scores.items() if one.kind == "greedy" and groups[one.variant] == group]
    if not names:
        return ""
    reference = scores[ours]
    rows = []
    for name in [ours, *names]:
        one = scores[name]
        difference = statistics.compare(one.utility, reference.utility, statistics.gain)
        row = {"policy": name, "runs": len(one.utility)} | statistics.estimate(one.utility).cells("utility_iqm")
        row |= difference.cells("utility_iqm_gain")
        for column in ("blocked_ratio", "late_ratio", "deployment_cost_usd"):
            if column in one.columns:
                row[column] = float(one.columns[column].mean())
        rows.append(row)
    write_rows(out / f"{group}.csv", rows)
    gains = {str(row["policy"]): Estimate.of(row, "utility_iqm_gain") for row in rows[1:]}
    draw.dots(
        out / f"{group}.png",
        f"{title}: difference to {ours}",
        {"interquartile mean of utility": gains},
        kinds=dict.fromkeys(gains, group),
        lines={"": 0.0},
    )
    table = [
        {
            "policy": row["policy"],
            "runs": row["runs"],
            "utility, IQM": _text(Estimate.of(row, "utility_iqm")),
            "difference": "" if row["policy"] == ours else _signed(Estimate.of(row, "utility_iqm_gain")),
        }
        | {key: f"{value:.4f}" for key, value in row.items() if key in ("blocked_ratio", "late_ratio")}
        for row in rows
    ]
    return f"<h2>{title}</h2>{_table(table)}{_image(f'{group}.png')}"


def _anarchy_part(out: Path, scores: dict[str, Scores], plan: Row) -> str:
    weights = {v["name"]: v["weight"] for v in plan["variants"] if v["group"] == "cooperation"}
    found = {
        weights[one.variant]: statistics.estimate(one.utility)
        for one in scores.values()
        if one.kind == "greedy" and one.variant in weights
    }
    if len(found) < 2:
        return ""
    best = max(one.value for one in found.values())
    rows = [
        {
            "cooperation_weight": weight,
            **found[weight].cells("utility_iqm"),
            "price_of_anarchy": best / found[weight].value if found[weight].value > 0 else math.nan,
        }
        for weight in sorted(found)
    ]
    write_rows(out / "anarchy.csv", rows)
    draw.anarchy(out / "anarchy.png", found, "agents of a role")
    table = [
        {
            "cooperation weight": f"{row['cooperation_weight']:g}",
            "utility, IQM": _text(Estimate.of(row, "utility_iqm")),
            "price of anarchy": f"{row['price_of_anarchy']:.3f}",
        }
        for row in rows
    ]
    return (
        "<h2>Price of anarchy</h2><p>Best utility over all weights, divided by that of the weight; it needs utilities "
        f"above 0.</p>{_table(table)}{_image('anarchy.png')}"
    )


def _files(about: Row, out: Path) -> str:
    bound = ""
    try:
        from agents.bounds import key_network
        from pybridge.catalogue import native_folder, scenario

        data = native_folder() / "data" / "qkd"
        found = scenario(about["scenario"])
        if found.bound:
            problem = key_network.scenario_problem(found, data)
            placement = key_network.relay_placement(**problem)
            label = key_network.cost_set_label(data, found.bound["cost_set"])
            bound = (
                f"<h2>Deployment bound</h2><p>A key network built from nothing that serves the demands of the "
                f"scenario's section [bound] costs at least {placement.cost:,.0f} with cost set {escape(label)} "
                f"(mixed-integer program, solved exactly; <code>qntn bound {escape(about['scenario'])}</code>). The "
                "scenario's own cost counts relays only, for the time that they are deployed.</p>"
            )
    except ValueError as error:
        bound = f"<h2>Deployment bound</h2><p>{escape(str(error))}</p>"
    tables = "".join(f"<li><a href='{file.name}'>{file.name}</a></li>" for file in sorted(out.glob("*.csv")))
    return f"{bound}<h2>Tables</h2><ul>{tables}<li><a href='{PLAN}'>{PLAN}</a></li></ul>"


def _kind(one: Scores) -> str:
    return one.kind if one.kind == BASELINE else f"trained, {one.kind}"


def _text(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} .. {found.high:.3f})"


def _signed(found: Estimate) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} .. {found.high:+.3f})"


def _image(name: str) -> str:
    return f"<p><img src='{name}' alt='{escape(name.removesuffix('.png').replace('-', ' '))}'></p>"


def _table(rows: list[Row]) -> str:
    head = "".join(f"<th>{escape(key)}</th>" for key in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row.values()) + "</tr>" for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733 }}
h1 {{ font-size: 1.7rem }} h2 {{ font-size: 1.25rem; margin-top: 2.4rem; border-bottom: 1px solid #d5dce3 }}
table {{ border-collapse: collapse; font-size: .9rem; margin: 1rem 0 }}
th, td {{ padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e6eaee }}
th {{ background: #f3f6f8 }} th:first-child, td:first-child {{ text-align: left }}
img {{ max-width: 100%; height: auto }} .note {{ color: #5b6875; font-size: .9rem }}
</style>
</head>
<body>
{body}
</body>
</html>
"""

# SPDX-License-Identifier: GPL-2.0-only
"""What a study consists of: its plan, read from a TOML file of `agents/studies/`, and the figures that it compares.

Layout of a plan (all keys but `steps` are optional; see quick.toml):

    steps = 60_000                   # environment steps of each training run
    training_seeds = [1, 2, 3]
    episodes = 20                    # held-out episodes of each policy
    baselines = ["random"]           # all that `qntn policies` lists, if absent
    ceilings = ["alone"]             # of metaverse-city's utility: bound, alone, hindsight; all, if absent
    settings = ["num_envs=2"]        # of every training run, as for `qntn train --set`
    [params]                         # of the scenario
    [algorithms]                     # name = settings; the first is the reference of all comparisons
    mappo = []
    [ablations]                      # name = settings on top of the reference's
    no-prior = ["worker.prior=0", "manager.prior=0"]
    [cooperation]                    # one variant for each weight; {} stands for it
    weights = [0, 0.5, 1]
    settings = ["manager.cooperation={}"]
    [constraints]                    # name = settings on top of the reference's
    [seeds]                          # training seeds of a group or of a variant, where they differ: ablations = [1]
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import numpy as np

from agents.config import ConfigError, Count, Natural, Ratio, Span, as_kind
from agents.episodes import Episode
from agents.evidence import statistics
from agents.policies import heuristics
from agents.settings import read_toml
from pybridge.schema import Value, suggest

if TYPE_CHECKING:
    from pybridge import Schema

FOLDER = Path(__file__).parents[1] / "studies"
GROUPS = ("algorithms", "ablations", "constraints")
CEILINGS = ("bound", "alone", "hindsight")  # of a utility: agents/bounds
Seeds = Annotated[tuple[Natural, ...], Span(1)]
Texts = tuple[str, ...]


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        group: "algorithms", "ablations", "cooperation" or "constraints".
        settings: as for `qntn train --set`.
        seeds: of its training runs.
        weight: of cooperation, in that group.
    """

    name: str
    group: str
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    weight: float | None = None


@dataclass(frozen=True)
class Plan:
    """See the head of this file."""

    steps: Count
    training_seeds: Seeds = (1, 2, 3)
    episodes: Count = 20
    seeds_from: Natural = 10_000
    num_envs: Count = 2
    sampled: bool = True
    ceilings: Texts = CEILINGS
    baselines: Texts = ()
    settings: Texts = ()
    params: Mapping[str, Value] = field(default_factory=dict)
    variants: tuple[Variant, ...] = ()

    @property
    def reference(self) -> Variant:
        """The variant that all others are compared with."""
        return self.variants[0]


def read_plan(name: str) -> Plan:
    """A plan by the name of a file in `agents/studies/`, or by its path.

    Raises:
        ConfigError: there is none, or it has an unknown key, a value that is none for it, or no algorithm.
    """
    file = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not file.exists():
        known = sorted(path.stem for path in FOLDER.glob("*.toml"))
        raise ConfigError(f"no study plan {name!r}{suggest(name, known)}")
    try:
        return _plan(read_toml(file))
    except ConfigError as error:
        raise ConfigError(f"{file.name}: {error}") from None


def _plan(tree: Mapping[str, Any]) -> Plan:
    kinds = get_type_hints(Plan, include_extras=True)
    del kinds["variants"]
    _known("", tree, [*kinds, *GROUPS, "cooperation", "seeds"])
    if "steps" not in tree or not _table(tree, "algorithms"):
        raise ConfigError("expected `steps` and at least one entry in [algorithms]")
    values = {key: as_kind(key, tree[key], kind) for key, kind in kinds.items() if key in tree and key != "params"}
    for key, names in (("ceilings", CEILINGS), ("baselines", tuple(heuristics()))):
        for name in values.get(key, ()):
            if name not in names:
                raise ConfigError(f"{key}: {name!r}: no such {key[:-1]}{suggest(name, names)}")
    plan = Plan(**values, params=_table(tree, "params"))
    return dataclasses.replace(plan, variants=tuple(_variants(tree, plan)))


def _variants(tree: Mapping[str, Any], plan: Plan) -> list[Variant]:
    groups = {
        group: {name: as_kind(f"{group}.{name}", settings, Texts) for name, settings in _table(tree, group).items()}
        for group in GROUPS
    }
    reference = next(iter(groups["algorithms"].values()))
    by_name = {name: as_kind(f"seeds.{name}", seeds, Seeds) for name, seeds in _table(tree, "seeds").items()}

    def variant(name: str, group: str, settings: Sequence[str], weight: float | None = None) -> Variant:
        base = () if group == "algorithms" else reference
        seeds = by_name.get(name, by_name.get(group, plan.training_seeds))
        return Variant(name, group, (*plan.settings, *base, *settings), seeds, weight)

    found = [variant(name, group, settings) for group, entries in groups.items() for name, settings in entries.items()]
    if cooperation := _table(tree, "cooperation"):
        _known("cooperation.", cooperation, ["weights", "settings"])
        as_kind("cooperation.weights", cooperation.get("weights"), tuple[Ratio, ...])
        settings = as_kind("cooperation.settings", cooperation.get("settings"), Texts)
        for weight in cooperation["weights"]:
            texts = [setting.replace("{}", str(weight)) for setting in settings]
            found.append(variant(f"cooperation-{weight:g}", "cooperation", texts, float(weight)))
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"found {names.count(name)} variants {name!r}, expected each name once")
    _known("seeds.", by_name, [*GROUPS, "cooperation", *names], "group or variant")
    return found


def _table(tree: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = tree.get(key, {})
    if not isinstance(found, dict):
        raise ConfigError(f"{key} = {found!r}: expected a table")
    return found


def _known(where: str, found: Mapping[str, Any], known: Sequence[str], what: str = "key") -> None:
    for key in found:
        if key not in known:
            raise ConfigError(f"{where}{key}: no such {what}{suggest(key, known)}")


@dataclass(frozen=True)
class Indicator:
    """A group of metrics that the report shows side by side: all whose names match `pattern`.

    Attributes:
        each: show each match by its own name; else their mean.
        better: 1 if more is better, -1 if less is, 0 if neither.
    """

    title: str
    pattern: str
    unit: str
    each: bool = True
    better: int = 1


INDICATORS = (
    Indicator("Satisfied users", r"^satisfied_users_ratio\.(\w+)$", "ratio"),
    Indicator("Satisfied bursts", r"^satisfied_ratio\.(\w+)$", "ratio"),
    Indicator("Median delay", r"^delay_p50_ms\.(\w+)$", "ms", better=-1),
    Indicator("99th percentile of delay", r"^delay_p99_ms\.(\w+)$", "ms", better=-1),
    Indicator("Key outage", r"^blocked_ratio$", "ratio", better=-1),
    Indicator("One-time pad", r"^\w+_otp_ratio$", "ratio"),
    Indicator("PRB utilisation", r"^prb_utilisation_ratio\.(\w+)$", "ratio", each=False, better=0),
    Indicator("CPU utilisation", r"^cpu_utilisation_ratio\.(\w+)$", "ratio", each=False, better=0),
    Indicator("Jain fairness of providers", r"^jain_ratio$", "ratio"),
    Indicator("Deployment cost", r"^deployment_cost_usd$", "usd a step", better=-1),
    Indicator("Key-generation cost", r"^key_cost_usd_per_delivered_mbit$", "usd / Mbit", better=-1),
)


def figures(schema: Schema, episode: Episode) -> dict[str, float]:
    """What an episode is judged by: the mean of each metric over its steps, and what follows from several.

    Delays are means over the steps that had any. `jain_ratio` is the fairness between those whose names end metrics
    like xr_satisfied_ratio.msp_0; `key_cost_usd_per_delivered_mbit` all cost over all key.
    """
    columns = dict(zip((metric.name for metric in schema.metrics), episode.metrics.T, strict=True))
    means = {}
    for name, column in columns.items():
        counted = column[column > 0] if name.startswith("delay_") else column
        means[name] = float(counted.mean()) if counted.size else float("nan")
    owners: dict[str, list[float]] = {}
    for name, mean in means.items():
        if found := re.fullmatch(r"\w+_satisfied_ratio\.(\w+)", name):
            owners.setdefault(found.group(1), []).append(mean)
    if len(owners) > 1:
        means["jain_ratio"] = statistics.jain(np.array([np.mean(values) for values in owners.values()]))
    if {"deployment_cost_usd", "key_delivered_bits"} <= columns.keys():
        bits = float(columns["key_delivered_bits"].sum())
        cost = float(columns["deployment_cost_usd"].sum())
        means["key_cost_usd_per_delivered_mbit"] = cost / (bits / 1e6) if bits > 0 else float("nan")
    return {"seed": episode.seed, "steps": len(episode.metrics), "utility": episode.utility} | means


def indicator_columns(names: list[str]) -> dict[tuple[str, str], list[str]]:
    """(title, of whom) -> the columns whose mean it is, for the indicators that `names` allow."""
    found: dict[tuple[str, str], list[str]] = {}
    for indicator in INDICATORS:
        for name in names:
            match = re.match(indicator.pattern, name)
            if match:
                who = match.group(1) if indicator.each and match.groups() else ""
                found.setdefault((indicator.title, who), []).append(name)
    return found

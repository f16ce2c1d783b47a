# SPDX-License-Identifier: GPL-2.0-only
"""`qntn study`: trains every variant of a plan, evaluates them and all baselines on the same seeds, and reports.

The unit of work is a training run, an evaluation or a ceiling; each leaves a file when it is done, and a study that is
stopped goes on with what is missing. `folder.py` tells which files these are, `workers.py` where the work is done.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from agents import checkpoint
from agents.bounds import alone, fluid, hindsight
from agents.config import ConfigError, Toml
from agents.episodes import run_episodes
from agents.evidence.folder import (
    DONE,
    LEFT_OUT,
    MODES,
    PLAN,
    ceiling_file,
    episodes_file,
    run_folder,
    trained_name,
    write_rows,
    write_whole,
)
from agents.evidence.plan import Plan, Variant, figures
from agents.evidence.report import write_report
from agents.evidence.workers import Unit, here, on_cluster, side_by_side
from agents.policies import Policy, heuristics, make_heuristic
from agents.settings import read
from agents.trained import TrainedPolicy
from agents.training import CURVE, check_trainable, make_vec, train

if TYPE_CHECKING:
    from agents.training import MakeEnv
    from pybridge import Schema

CEILINGS = {"bound": fluid, "alone": alone, "hindsight": hindsight}  # by their names in a plan


def study(
    scenario: str,
    plan: Plan,
    out: Path,
    console: Console,
    *,
    resume: bool = False,
    jobs: int = 1,
    ray_address: str = "",
    make_env: MakeEnv = make_vec,
) -> Path:
    """Do what is missing of a study and write its report; returns the page.

    Variants whose settings this version does not know are left out; the report names them. With several `jobs` as many
    units of work go on at a time, each in a process of its own; with the address of a Ray cluster, as many as fit its
    cores, and all its nodes have to see `out`. What is learned and measured does not depend on it.

    Raises:
        ConfigError: the first variant, which the others are compared with, cannot be trained; or `out` holds a study
            and `resume` is not set, or its files do not fit this plan, which may have more seeds and variants.
        CheckpointError: another process works in `out`.
        RunnerError: the cluster cannot do the work.
    """
    torch.set_num_threads(1)  # the simulators need the cores
    work = Work(scenario, plan, out.resolve(), make_env)
    with make_env(scenario, 1, plan.params, "shm") as env:
        schema = env.schema
    for name in plan.baselines:
        make_heuristic(name, schema)  # whether it fits the scenario
    left_out: dict[str, str] = {}
    for variant in plan.variants:
        try:
            check_trainable(work.settings(variant, variant.seeds[0]), schema)
        except ConfigError as error:
            if variant is plan.reference:
                raise ConfigError(f"{variant.name}, which all others are compared with: {error}") from error
            left_out[variant.name] = str(error)
    if ray_address:
        workers = on_cluster(console, ray_address, plan.num_envs, work.out)
    else:
        workers = here(console) if jobs == 1 else side_by_side(console, jobs)
    with workers as do, checkpoint.locked(out, "--out"):
        _claim(scenario, plan, out, resume)
        training = work.training(variant for variant in plan.variants if variant.name not in left_out)
        left_out |= {training[unit].name: str(error) for unit, error in do("training", list(training)) if error}
        (out / LEFT_OUT).write_text(json.dumps(left_out, indent=2) + "\n")
        for name, reason in left_out.items():
            console.print(f"left out: {name}: {reason}", soft_wrap=True, highlight=False)

        trained = [variant for variant in plan.variants if variant.name not in left_out]
        for _, refused in do("evaluating", work.evaluating(trained, schema)):
            if refused:
                raise refused
    page = write_report(out)
    console.print(f"report: {page}", soft_wrap=True)
    return page


@dataclass(frozen=True)
class Work:
    """The units of a study, which go on where this is sent."""

    scenario: str
    plan: Plan
    out: Path
    make_env: MakeEnv

    def training(self, variants: Iterable[Variant]) -> dict[Unit, Variant]:
        """Every training run that is not complete, and what is trained in it."""
        return {
            Unit(f"{variant.name}, seed {seed}", partial(self.train, variant, seed)): variant
            for variant in variants
            for seed in variant.seeds
            if not (run_folder(self.out, variant.name, seed) / DONE).exists()
        }

    def evaluating(self, trained: Sequence[Variant], schema: Schema) -> list[Unit]:
        """Every evaluation and ceiling that is missing."""
        names = self.plan.baselines or heuristics()
        units = {episodes_file(self.out, name): Unit(name, partial(self.evaluate_baseline, name)) for name in names}
        for variant in trained:
            for seed in variant.seeds:
                for mode in MODES if self.plan.sampled else MODES[:1]:
                    name = trained_name(variant.name, seed, mode)
                    units[episodes_file(self.out, name)] = Unit(
                        name, partial(self.evaluate_trained, name, run_folder(self.out, variant.name, seed), mode)
                    )
        for name in self.plan.ceilings if fluid.fits(schema) else ():
            units[ceiling_file(self.out, name)] = Unit(f"ceiling {name}", partial(self.measure_ceiling, name))
        return [unit for file, unit in units.items() if not file.exists()]

    def settings(self, variant: Variant, seed: int) -> Toml:
        """What its training run with a seed begins with."""
        return read(None, variant.settings, steps=self.plan.steps, seed=seed, num_envs=self.plan.num_envs)

    def train(self, variant: Variant, seed: int, console: Console) -> None:
        """One training run: the rest of it if it was begun.

        Raises:
            ConfigError: the variant cannot be trained.
        """
        plan, run = self.plan, run_folder(self.out, variant.name, seed)
        began = (run / checkpoint.LATEST).exists() or (run / checkpoint.PREVIOUS).exists()
        if not began:
            shutil.rmtree(run, ignore_errors=True)  # it never reached a checkpoint
        settings = {} if began else self.settings(variant, seed)
        params = {} if began else plan.params
        train(
            self.scenario, run, params=params, settings=settings, resume=began, console=console, make_env=self.make_env
        )
        with (run / CURVE).open(newline="") as stream:
            last = list(csv.DictReader(stream))[-1]
        done = {"env_steps": int(last["env_steps"]), "wall_s": float(last["wall_s"])}
        write_whole(run / DONE, json.dumps(done) + "\n")

    def evaluate_baseline(self, name: str, console: Console) -> None:
        """A baseline on the held-out seeds."""
        with self._open() as env:
            self._evaluate(env, make_heuristic(name, env.schema), name)

    def evaluate_trained(self, name: str, run: Path, mode: str, console: Console) -> None:
        """What was trained in `run`, in one of `MODES`, on the held-out seeds."""
        with self._open() as env:
            policy = TrainedPolicy(env.schema, run, num_envs=self.plan.num_envs, greedy=mode == "greedy")
            self._evaluate(env, policy, name)

    def measure_ceiling(self, name: str, console: Console) -> None:
        """One of `CEILINGS` on the held-out seeds."""
        with self._open() as env:
            rows = CEILINGS[name].by_seed(env, seeds_from=self.plan.seeds_from, episodes=self.plan.episodes)
        write_rows(ceiling_file(self.out, name), rows)

    def _open(self) -> Any:
        return self.make_env(self.scenario, self.plan.num_envs, self.plan.params, "shm")

    def _evaluate(self, env: Any, policy: Policy, name: str) -> None:
        began = time.perf_counter()
        episodes = run_episodes(env, policy, seeds_from=self.plan.seeds_from, episodes=self.plan.episodes)
        wall_s = round((time.perf_counter() - began) / self.plan.episodes, 3)
        rows = [figures(env.schema, episode) | {"wall_s": wall_s} for episode in episodes]
        write_rows(episodes_file(self.out, name), rows)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": model, "cores": os.cpu_count(), "memory_gib": round(memory_gib, 1)} | checkpoint.versions()


def _claim(scenario: str, plan: Plan, out: Path, resume: bool) -> None:
    """Make `out` the folder of this plan, which may have more seeds and variants than it has so far."""
    file = out / PLAN
    now: dict[str, Any] = json.loads(json.dumps({"scenario": scenario, "plan": asdict(plan)}))
    about = {"machine": machine(), "git_revision": checkpoint.git_revision()}
    if file.exists():
        if not resume:
            raise ConfigError(f"{out} holds a study; go on with --resume, or name another --out")
        then = json.loads(file.read_text())
        if changed := _changed(then, now):
            raise ConfigError(f"{out} holds another study: {changed}; name another --out")
        about = {key: then[key] for key in about}
    out.mkdir(parents=True, exist_ok=True)
    write_whole(file, json.dumps({**now, **about}, indent=2) + "\n")


def _changed(then: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What makes the files of one study useless for another, in words; empty if nothing does."""
    if then["scenario"] != now["scenario"]:
        return f"it is of the scenario {then['scenario']}, and not {now['scenario']}"
    for key in ("steps", "episodes", "seeds_from", "num_envs", "params"):
        if then["plan"][key] != now["plan"][key]:
            return f"{key} = {then['plan'][key]} in its plan, and not {now['plan'][key]}"
    variants = {variant["name"]: variant for variant in now["plan"]["variants"]}
    for old in then["plan"]["variants"]:
        new = variants.get(old["name"])
        if new is None:
            return f"its plan has a variant {old['name']}"
        if old["settings"] != new["settings"]:
            return f"{old['name']} has the settings {old['settings']} in its plan, and not {new['settings']}"
        if not set(old["seeds"]) <= set(new["seeds"]):
            return f"{old['name']} has the seeds {old['seeds']} in its plan, and not {new['seeds']}"
    return ""

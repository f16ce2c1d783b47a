# SPDX-License-Identifier: GPL-2.0-only
"""`qntn study`: trains every variant of a plan, evaluates them and all baselines on the same seeds, and reports.

The unit of work is one training run or one evaluation; each leaves a file when it is done, and a study that is stopped
goes on with the first that is missing. `folder.py` tells which files these are.
"""

from __future__ import annotations

import csv
import json
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from rich.console import Console

from agents import checkpoint
from agents.bounds import alone, fluid, hindsight
from agents.config import ConfigError
from agents.episodes import run_episodes
from agents.evidence.folder import (
    DONE,
    LEFT_OUT,
    MODES,
    PLAN,
    episodes_file,
    run_folder,
    trained_name,
    write_rows,
    write_whole,
)
from agents.evidence.plan import Plan, Variant, figures
from agents.evidence.report import write_report
from agents.policies import Policy, heuristics, make_heuristic
from agents.settings import read, resolve
from agents.trained import TrainedPolicy
from agents.training import CURVE, make_vec, train
from pybridge.forks import end_with_parent

if TYPE_CHECKING:
    from agents.training import MakeEnv

Units = list[tuple[Variant, int]]  # a variant and the seed of a training run
Refused = Iterator[tuple[Variant, ConfigError]]


def study(
    scenario: str,
    plan: Plan,
    out: Path,
    console: Console,
    *,
    resume: bool = False,
    jobs: int = 1,
    make_env: MakeEnv = make_vec,
) -> Path:
    """Do what is missing of a study and write its report; returns the page.

    Variants whose settings this version does not know are left out; the report names them. With several `jobs` as many
    training runs go on at a time, each in a process of its own; what they learn does not depend on it.

    Raises:
        ConfigError: `out` holds a study and `resume` is not set, or its files do not fit this plan, which may have
            more seeds and variants.
    """
    torch.set_num_threads(1)  # the simulators need the cores
    _claim(scenario, plan, out, resume)
    left_out: dict[str, str] = {}
    with make_env(scenario, 1, plan.params, "shm") as env:
        for variant in plan.variants:
            try:
                resolve(read(None, variant.settings), env.schema.roles, env.schema.scenario)
            except ConfigError as error:
                left_out[variant.name] = str(error)
    todo = [variant for variant in plan.variants if variant.name not in left_out]
    units = [(variant, seed) for variant in todo for seed in variant.seeds]
    refused = (
        _one_by_one(scenario, plan, units, out, console, make_env)
        if jobs == 1
        else _side_by_side(scenario, plan, units, out, console, make_env, jobs)
    )
    left_out |= {variant.name: str(error) for variant, error in refused}
    (out / LEFT_OUT).write_text(json.dumps(left_out, indent=2) + "\n")
    for name, reason in left_out.items():
        console.print(f"left out: {name}: {reason}", soft_wrap=True, highlight=False)
    evaluate_all(scenario, plan, [variant for variant in todo if variant.name not in left_out], out, console, make_env)
    page = write_report(out)
    console.print(f"report: {page}", soft_wrap=True)
    return page


def _one_by_one(scenario: str, plan: Plan, units: Units, out: Path, console: Console, make_env: MakeEnv) -> Refused:
    """Trains in this process; yields what was refused."""
    for number, (variant, seed) in enumerate(units, start=1):
        console.rule(f"[bold]training {number}/{len(units)}: {variant.name}, seed {seed}")
        try:
            train_unit(scenario, plan, variant, seed, run_folder(out, variant.name, seed), console, make_env)
        except ConfigError as error:
            yield variant, error


def _side_by_side(
    scenario: str, plan: Plan, units: Units, out: Path, console: Console, make_env: MakeEnv, jobs: int
) -> Refused:
    """Trains in `jobs` processes at a time; yields what was refused. `qntn watch` shows how far a run is."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), end_with_parent, (os.getpid(),)) as pool:
        begun = {}
        for variant, seed in units:
            run = run_folder(out, variant.name, seed)
            begun[pool.submit(_train_quietly, scenario, plan, variant, seed, run, make_env)] = variant, seed
        for number, unit in enumerate(as_completed(begun), start=1):
            variant, seed = begun[unit]
            try:
                unit.result()
            except ConfigError as error:
                yield variant, error
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            console.print(f"trained {number}/{len(units)}: {variant.name}, seed {seed}", highlight=False)


def _train_quietly(scenario: str, plan: Plan, variant: Variant, seed: int, run: Path, make_env: MakeEnv) -> None:
    train_unit(scenario, plan, variant, seed, run, Console(quiet=True), make_env)


def train_unit(
    scenario: str, plan: Plan, variant: Variant, seed: int, run: Path, console: Console, make_env: MakeEnv = make_vec
) -> None:
    """One training run: nothing if it is done, the rest of it if it was begun."""
    if (run / DONE).exists():
        console.print(f"{run.name} is done")
        return
    began = (run / checkpoint.LATEST).exists() or (run / checkpoint.PREVIOUS).exists()
    if not began:
        shutil.rmtree(run, ignore_errors=True)  # it never reached a checkpoint
    settings = {} if began else read(None, variant.settings, steps=plan.steps, seed=seed, num_envs=plan.num_envs)
    params = {} if began else plan.params
    train(scenario, run, params=params, settings=settings, resume=began, console=console, make_env=make_env)
    with (run / CURVE).open(newline="") as stream:
        last = list(csv.DictReader(stream))[-1]
    done = {"env_steps": int(last["env_steps"]), "wall_s": float(last["wall_s"])}
    write_whole(run / DONE, json.dumps(done) + "\n")


def evaluate_all(
    scenario: str,
    plan: Plan,
    variants: list[Variant],
    out: Path,
    console: Console,
    make_env: MakeEnv = make_vec,
) -> None:
    """Every evaluation that is missing, all in one set of simulators."""
    with make_env(scenario, plan.num_envs, plan.params, "shm") as env:

        def heuristic(name: str) -> Callable[[], Policy]:
            return lambda: make_heuristic(name, env.schema)

        def trained(run: Path, mode: str) -> Callable[[], Policy]:
            return lambda: TrainedPolicy(env.schema, run, num_envs=plan.num_envs, greedy=mode == "greedy")

        units: dict[str, Callable[[], Policy]] = {name: heuristic(name) for name in plan.baselines or heuristics()}
        for variant in variants:
            for seed in variant.seeds:
                run = run_folder(out, variant.name, seed)
                for mode in MODES if plan.sampled else MODES[:1]:
                    units[trained_name(variant.name, seed, mode)] = trained(run, mode)
        missing = {name: make for name, make in units.items() if not episodes_file(out, name).exists()}
        for number, (name, make) in enumerate(missing.items(), start=1):
            console.print(f"evaluating {number}/{len(missing)}: {name}", highlight=False, soft_wrap=True)
            began = time.perf_counter()
            episodes = run_episodes(env, make(), seeds_from=plan.seeds_from, episodes=plan.episodes)
            wall_s = (time.perf_counter() - began) / plan.episodes
            write_rows(
                episodes_file(out, name),
                [figures(env.schema, episode) | {"wall_s": round(wall_s, 3)} for episode in episodes],
            )
        _measure_ceilings(env, plan, out, console)


def _measure_ceilings(env: Any, plan: Plan, out: Path, console: Console) -> None:
    if not fluid.fits(env.schema):
        return
    for name, what, ceiling in (
        ("bound", "on the fluid model", fluid),
        ("alone", "with each slice alone", alone),
        ("hindsight", "with shares chosen in hindsight", hindsight),
    ):
        file = out / f"utility-{name}.csv"
        if name in plan.ceilings and not file.exists():
            console.print(f"utility of {env.schema.scenario} {what}")
            write_rows(file, ceiling.by_seed(env, seeds_from=plan.seeds_from, episodes=plan.episodes))


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

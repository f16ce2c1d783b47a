# SPDX-License-Identifier: GPL-2.0-only
"""Algorithms, one file each, found by name: `flat-mappo` is `flat_mappo.py` here, `./mine.py` a file of your own.

A file defines one subclass of `Algorithm`, which overrides what is different from hierarchical MAPPO: the settings that
roles start from, what learns for a role, what acts for it, or the order in which roles learn. A file of your own must
be at the same path wherever there are runners.
"""

from __future__ import annotations

import importlib
import importlib.util
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch

from agents.config import MANAGER, WORKER, ConfigError, RoleConfig
from agents.learner.buffers import Decisions
from pybridge.schema import suggest

if TYPE_CHECKING:
    from agents.learner.observer import Observer
    from agents.learner.ppo import RoleLearner
    from agents.learner.role_policy import RolePolicy
    from pybridge import Role

Level = Literal["worker", "manager"]


class Algorithm:
    """Hierarchical MAPPO, which is what a subclass is unless it says otherwise.

    Attributes:
        worker, manager: settings of roles that act at each step, or less often, before those of the user.
    """

    worker: RoleConfig = WORKER
    manager: RoleConfig = MANAGER

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for level in get_args(Level):
            if not isinstance(found := getattr(cls, level), RoleConfig):
                raise TypeError(
                    f"{level} = {found!r}: expected a RoleConfig, such as replace({level.upper()}, lr=3e-4)"
                )

    def level(self, role: Role) -> Level:
        """Which of the two a role is: it starts from that level's settings, and the user's tables are for a level."""
        return "manager" if role.period > 1 else "worker"

    def learner(self, role: Role, observer: Observer, config: RoleConfig, *, generator: torch.Generator) -> RoleLearner:
        """What learns for a role. It needs `policy_state`, `update`, `state_dict` and `load_state_dict`."""
        from agents.learner.ppo import RoleLearner

        return RoleLearner(role, observer, config, generator=generator)

    def policy(
        self, role: Role, observer: Observer, config: RoleConfig, *, num_envs: int, rollout_steps: int
    ) -> RolePolicy:
        """What acts for a role, in runners and in evaluations; its `load` takes the learner's `policy_state`."""
        from agents.learner.role_policy import RolePolicy

        return RolePolicy(role, observer, config, num_envs=num_envs, rollout_steps=rollout_steps)

    def update(
        self,
        learners: dict[str, Any],
        ready: dict[str, Decisions],
        lr_ratio: float,
        generator: torch.Generator,
    ) -> dict[str, dict[str, float]]:
        """Let the roles learn whose decisions are `ready`; returns the figures to log, by role."""
        return {name: learners[name].update(data, lr_ratio) for name, data in ready.items()}


def names() -> list[str]:
    """The algorithms in this folder."""
    found = (file.stem for file in Path(__file__).parent.glob("*.py"))
    return sorted(stem.replace("_", "-") for stem in found if stem != "__init__")


@cache
def load(name: str) -> Algorithm:
    """The algorithm of a name, or of a path that ends in .py.

    Raises:
        ConfigError: there is none, its file cannot be run, or it does not define one subclass of `Algorithm`.
    """
    if name.endswith(".py"):
        file = Path(name)
        if not file.is_file():
            raise ConfigError(f"algorithm = {name!r}: there is no such file")
        try:
            module = _run(file)
        except Exception as error:
            raise _blamed(name, error) from error
    elif name in names():
        module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    else:
        raise ConfigError(f"algorithm = {name!r}: no such algorithm{suggest(name, names())}, or the path of a .py file")
    defined = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Algorithm) and item.__module__ == module.__name__
    ]
    if len(defined) != 1:
        raise ConfigError(f"algorithm = {name!r}: expected one subclass of Algorithm in it, found {len(defined)}")
    return defined[0]()


def levels(name: str, roles: Sequence[Role]) -> dict[str, Level]:
    """Which level each role has with an algorithm.

    Raises:
        ConfigError: the algorithm says something else.
    """
    algorithm = load(name)
    found = {}
    for role in roles:
        try:
            found[role.name] = algorithm.level(role)
            if found[role.name] not in get_args(Level):
                raise ValueError(f"level() of role {role.name} is {found[role.name]!r}: expected worker or manager")
        except Exception as error:
            raise _blamed(name, error, algorithm.level.__code__.co_firstlineno) from error
    return found


def _blamed(name: str, error: Exception, line: int | None = None) -> ConfigError:
    """In one line, with that of the file `name` where it was raised; else `line`."""
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        line, text = error.lineno, error.msg
    for frame in traceback.extract_tb(error.__traceback__):
        line = frame.lineno if frame.filename.endswith(Path(name).name) else line
    return ConfigError(f"algorithm {name!r}: line {line}: {type(error).__name__}: {text}")


def _run(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"qntn_algorithm_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

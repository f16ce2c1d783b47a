# SPDX-License-Identifier: GPL-2.0-only
"""Vectors: sending ahead, copies, seeds and parameters of each environment, threads, forks, many resets."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import pybridge

RESETS = 10_000


def levels(env: pybridge.VectorEnv, value: float) -> dict[str, np.ndarray]:
    agents = env.schema.role("agent").num_agents
    return {"agent": np.full((env.num_envs, agents, 1), value, np.float32)}


def share(env: pybridge.VectorEnv) -> dict[str, np.ndarray]:
    return {
        "manager": np.ones((env.num_envs, 1, 1), np.float32),
        "worker": np.full((env.num_envs, 1, 3), 1 / 3, np.float32),
    }


@pytest.mark.parametrize("transport", ["shm", "zmq"])
def test_send_and_recv_are_a_step_in_two_halves(transport: str, nothing_left: object) -> None:
    with pybridge.make_vec("echo", num_envs=2, transport=transport) as env:
        env.reset()
        with pytest.raises(pybridge.QntnError, match="without send"):
            env.recv()
        env.send(levels(env, 0.25))
        with pytest.raises(pybridge.QntnError, match="recv.. must come between"):
            env.step(levels(env, 0.5))
        before = env.recv()
        kept = before.observations["agent"].copy()
        env.send(levels(env, 0.5))
        assert np.array_equal(before.observations["agent"], kept), "what came last is readable while they run"
        after = env.recv()
        assert before.observations["agent"].max() == 0.25
        assert after.observations["agent"].min() == 0.5


def test_a_step_allocates_no_arrays_unless_copies_are_wanted(nothing_left: object) -> None:
    with pybridge.make_vec("echo", num_envs=2) as env:
        env.reset()
        batches = [env.step(levels(env, 0.1 * i)) for i in range(4)]
        assert batches[0] is batches[2] and batches[1] is batches[3]
        observations = batches[0].observations["agent"]
        assert observations.flags.c_contiguous and observations.shape == (2, 1, 8)
    with pybridge.make_vec("echo", num_envs=2, copy=True) as env:
        env.reset()
        batches = [env.step(levels(env, 0.1 * i)) for i in range(4)]
        for i, batch in enumerate(batches):
            assert batch.observations["agent"] == pytest.approx(0.1 * i)
            assert batch.rewards["agent"] == pytest.approx(0.1 * i)


def test_actions_written_in_place_need_no_copy(nothing_left: object) -> None:
    with pybridge.make_vec("echo", num_envs=2) as env:
        env.reset()
        env.actions["agent"][1] = -0.5
        batch = env.step(env.actions)
        assert batch.observations["agent"][:, 0, 0].tolist() == [0.0, -0.5]


def test_other_types_and_layouts_of_actions_are_converted(nothing_left: object) -> None:
    with pybridge.make_vec("echo", num_envs=3) as env:
        env.reset()
        for actions in (
            np.full((3, 1, 1), 0.5),
            np.full((1, 1, 6), 0.5, np.float32).T[::2].reshape(3, 1, 1),
            [[[0.5]]] * 3,
        ):
            assert env.step({"agent": actions}).observations["agent"].max() == 0.5
        with pytest.raises(pybridge.ActionError, match="no numbers"):
            env.step({"agent": "fast"})
        with pytest.raises(pybridge.ActionError, match=r"level\[0\] is inf"):
            env.step({"agent": np.full((3, 1, 1), np.inf)})


def test_each_environment_has_its_own_seeds(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=3, seed=[7, 100, 7], params={"num_steps": 2}) as env:
        batch = env.reset()
        assert batch.seeds.tolist() == [7, 100, 7]
        first = batch.observations["worker"].copy()
        assert np.array_equal(first[0], first[2]) and not np.array_equal(first[0], first[1])
        env.step(share(env))
        assert env.step(share(env)).seeds.tolist() == [10, 103, 10]
        assert env.reset(seed=[1, 2, 3]).seeds.tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="found 2 seeds, expected one for each of 3"):
        pybridge.make_vec("tiny", num_envs=3, seed=[1, 2])


@pytest.mark.parametrize("seed", ["a", 1.5, None, [1.5, 2], [1, "b"], [-1, 2], [1, 2**53]])
def test_a_seed_that_is_no_whole_number_is_refused_by_value(seed: object, nothing_left: object) -> None:
    with pytest.raises(ValueError, match="seed: found .*, expected a whole number"):
        pybridge.make_vec("tiny", num_envs=2, seed=seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 1.5, "a", [1, 2, 3], [1, -1]])
def test_a_wrong_seed_of_a_reset_leaves_the_environment_as_it_is(seed: object, nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=2, seed=3) as env:
        env.reset()
        with pytest.raises(ValueError, match="seed: found"):
            env.reset(seed=seed)  # type: ignore[arg-type]
        assert env.step(share(env)).seeds.tolist() == [3, 4]
        assert env.reset().seeds.tolist() == [5, 6]


@pytest.mark.parametrize("num_envs", [0, 1.5, True, "2", None])
def test_a_number_of_environments_that_is_none_is_refused(num_envs: object, nothing_left: object) -> None:
    with pytest.raises(ValueError, match="num_envs: found .*, expected a whole number, at least 1"):
        pybridge.make_vec("tiny", num_envs=num_envs)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, True, np.True_, [3], "3", b"3", 3j])
def test_a_parameter_of_another_kind_is_refused_by_value(value: object, nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match="num_flows: found .*, expected a number such as 3"):
        pybridge.make("tiny", params={"num_flows": value})  # type: ignore[dict-item]


@pytest.mark.parametrize("params", [3, "ab", [{}, None]])
def test_parameters_that_are_none_are_refused(params: object, nothing_left: object) -> None:
    with pytest.raises(pybridge.ParameterError, match="params: found .*, expected a mapping"):
        pybridge.make_vec("tiny", num_envs=2, params=params)  # type: ignore[arg-type]


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan")])
def test_a_step_deadline_that_is_no_time_is_refused(timeout_s: float, nothing_left: object) -> None:
    with pytest.raises(ValueError, match="step_timeout_s: found .*, expected a positive number"):
        pybridge.make("tiny", step_timeout_s=timeout_s)


def test_parameters_of_each_environment_and_episode(nothing_left: object) -> None:
    def offered(batch: pybridge.Batch) -> list[float]:
        return batch.observations["manager"][:, 0, 0].tolist()

    with pybridge.make_vec("tiny", num_envs=2, params=[{"load_bps": 1e6}, {"load_bps": 2e6}]) as env:
        assert offered(env.reset()) == [1e6, 2e6]
    asked = []

    def randomise(environment: int, seed: int) -> dict[str, float]:
        asked.append((environment, seed))
        return {"load_bps": 1000.0 * seed, "num_steps": 1}

    with pybridge.make_vec("tiny", num_envs=2, seed=10, params=randomise) as env:
        assert offered(env.reset()) == [10_000, 11_000]
        assert offered(env.step(share(env))) == [12_000, 13_000]
        assert {(0, 10), (1, 11), (0, 12), (1, 13)} <= set(asked)
    with pytest.raises(ValueError, match="found 1 mappings"):
        pybridge.make_vec("tiny", num_envs=2, params=[{}])
    with pytest.raises(pybridge.ParameterError, match="params: found None, expected a mapping"):
        pybridge.make_vec("tiny", num_envs=1, params=lambda environment, seed: None)  # type: ignore[arg-type, return-value]


def test_parameters_that_change_the_spaces_are_refused(nothing_left: object) -> None:
    with pytest.raises(pybridge.QntnError, match="its roles differ"):
        pybridge.make_vec("tiny", num_envs=2, params=[{"num_flows": 3}, {"num_flows": 4}])
    with (
        pybridge.make_vec("tiny", num_envs=1, params=lambda environment, seed: {"num_flows": seed}) as env,
        pytest.raises(pybridge.QntnError, match="its roles differ"),
    ):
        env.reset(seed=5)


def test_a_function_of_parameters_that_fails_is_heard_before_anything_ends(nothing_left: object) -> None:
    asked = []

    def faint(environment: int, seed: int) -> dict[str, float]:
        asked.append((environment, seed))
        if seed in (21, 44, 62):
            raise RuntimeError(f"no city for seed {seed}")
        return {"load_bps": 1000.0 * seed}

    with pybridge.make_vec("tiny", num_envs=2, seed=1, params=faint) as env:
        env.reset()
        for seed in (20, 42):  # the first episode of the second environment, the next one of the first
            with pytest.raises(RuntimeError, match="no city for seed"):
                env.reset(seed=seed)
        assert env.step(share(env)).seeds.tolist() == [1, 2], "the episodes go on"
        assert env.reset(seed=50).observations["manager"][:, 0, 0].tolist() == [50_000, 51_000]
        assert len(asked) == len(set(asked)), "it is asked once for each episode"
        env.reset(seed=58)
        with pytest.raises(RuntimeError, match="no city for seed 62"):
            env.reset()
        assert env.step(share(env)).seeds.tolist() == [58, 59]


def test_what_closed_an_environment_is_still_told_later(nothing_left: object) -> None:
    def once(environment: int, seed: int) -> dict[str, int]:
        if seed > 2:
            raise RuntimeError("no more cities")
        return {"num_steps": 1}

    with pybridge.make_vec("tiny", num_envs=1, params=once) as env:
        env.reset()
        with pytest.raises(RuntimeError, match="no more cities"):
            env.step(share(env))
        with pytest.raises(pybridge.QntnError, match="closed by RuntimeError: no more cities"):
            env.reset()


def test_the_next_episode_is_ready_before_it_is_asked_for(nothing_left: object) -> None:
    """Its first state is there already: a simulator that is stopped by then can still be seated."""
    with pybridge.make_vec("tiny", num_envs=1, seed=5) as env:
        env.reset()
        waiting = env._waiting[0]
        assert waiting is not None
        stat = Path(f"/proc/{waiting.pid}/wchan")
        deadline = time.monotonic() + 10
        while "futex" not in stat.read_text() and time.monotonic() < deadline:
            time.sleep(0.01)  # it sleeps on its control block, so its state is published
        os.kill(waiting.pid, signal.SIGSTOP)
        try:
            assert env.reset().seeds.tolist() == [6]
        finally:
            os.kill(waiting.pid, signal.SIGCONT)


@pytest.mark.parametrize("transport", ["shm", "zmq"])
def test_a_seed_that_nobody_foresaw_goes_to_a_simulator_that_runs(transport: str, nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1, seed=5, transport=transport) as env:
        expected = env.reset(seed=70).observations["worker"].copy()
        env.reset(seed=5)
        spare = env._spare
        assert spare is not None and spare.seed is None
        batch = env.reset(seed=70)
        assert env.pids == [spare.pid]
        assert np.array_equal(batch.observations["worker"], expected)
        assert env._spare is not None and env._spare is not spare


def test_a_spare_that_somebody_killed_is_not_missed(nothing_left: object) -> None:
    with pybridge.make_vec("tiny", num_envs=1) as env:
        env.reset()
        spare = env._spare
        assert spare is not None
        os.kill(spare.pid, signal.SIGKILL)
        spare._process.wait(10)
        assert env.reset(seed=70).seeds.tolist() == [70]
        assert env.pids != [spare.pid]


def test_eight_vectors_at_once_do_not_see_each_other(nothing_left: object) -> None:
    envs = [pybridge.make_vec("echo", num_envs=1) for _ in range(8)]
    try:
        for env in envs:
            env.reset()
        for _ in range(50):
            for index, env in enumerate(envs):
                env.send(levels(env, index / 10))
            for index, env in reversed(list(enumerate(envs))):
                assert env.recv().observations["agent"] == pytest.approx(index / 10)
    finally:
        for env in envs:
            env.close()


def test_threads_with_an_environment_each_work(nothing_left: object) -> None:
    def work(index: int) -> float:
        with pybridge.make_vec("echo", num_envs=1) as env:
            env.reset()
            return sum(float(env.step(levels(env, index / 10)).rewards["agent"][0, 0]) for _ in range(100))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == pytest.approx([0, 10, 20, 30])


def test_two_threads_in_one_environment_are_refused(faulty: str, nothing_left: object) -> None:
    with pybridge.make_vec(faulty, num_envs=1, params={"fault": "hang"}, step_timeout_s=1.0) as env:
        env.reset()
        ended = []

        def step_into_the_hang() -> None:
            try:
                for _ in range(40):
                    env.step({"agent": np.zeros((1, 2, 3), np.float32)})
            except pybridge.StepTimeout:
                ended.append("timeout")

        thread = threading.Thread(target=step_into_the_hang)
        thread.start()
        refused = 0
        while thread.is_alive():
            try:
                env.send({})
            except pybridge.QntnError as error:
                refused += "another thread" in str(error)
        thread.join()
        assert ended == ["timeout"]
        assert refused


@pytest.mark.parametrize("transport", ["shm", "zmq"])
def test_a_signal_handler_that_closes_in_the_middle_of_a_step_is_named(
    faulty: str, transport: str, nothing_left: object
) -> None:
    with pybridge.make_vec(faulty, num_envs=1, params={"fault": "hang"}, transport=transport) as env:
        env.reset()
        before = signal.signal(signal.SIGALRM, lambda *_: env.close())
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(pybridge.QntnError, match="this environment (is|was) closed") as caught:
                for _ in range(40):
                    env.step({"agent": np.zeros((1, 2, 3), np.float32)})
        finally:
            signal.signal(signal.SIGALRM, before)
    assert type(caught.value) is pybridge.QntnError


def test_a_fork_leaves_the_parents_environment_alone(nothing_left: object) -> None:
    program = textwrap.dedent("""
        import os, sys
        import numpy as np, pybridge
        actions = {"agent": np.full((1, 1, 1), 0.5, np.float32)}
        with pybridge.make_vec("echo", num_envs=1) as env:
            env.reset()
            child = os.fork()
            if child == 0:
                try:
                    env.step(actions)
                except pybridge.QntnError as error:
                    refused = "parent process" in str(error)
                env.close()
                with pybridge.make_vec("echo", num_envs=1) as own:
                    own.reset()
                    heard = own.step(actions).observations["agent"].max()
                sys.exit(0 if refused and heard == 0.5 else 1)
            assert os.waitpid(child, 0)[1] == 0
            assert env.step(actions).observations["agent"].max() == 0.5
    """)
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_spawned_workers_have_environments_of_their_own(tmp_path: Path, nothing_left: object) -> None:
    program = tmp_path / "spawns.py"
    program.write_text(
        textwrap.dedent("""
            import multiprocessing
            import numpy as np, pybridge

            def heard(value):
                with pybridge.make_vec("echo", num_envs=1) as env:
                    env.reset()
                    return float(env.step({"agent": np.full((1, 1, 1), value, np.float32)}).observations["agent"].max())

            if __name__ == "__main__":
                for method in ("spawn", "forkserver", "fork"):
                    with multiprocessing.get_context(method).Pool(2) as pool:
                        assert pool.map(heard, [0.25, 0.5]) == [0.25, 0.5]
        """)
    )
    subprocess.run([sys.executable, str(program)], check=True, timeout=60)


@pytest.mark.slow
def test_ten_thousand_resets_leave_descriptors_and_memory_flat(nothing_left: object) -> None:
    def state() -> tuple[int, int]:
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), resident

    with pybridge.make_vec("tiny", num_envs=4, params={"num_steps": 1}) as env:
        env.reset()
        actions = share(env)
        for _ in range(200):
            env.step(actions)
        before = state()
        for _ in range(RESETS // 4):
            env.step(actions)  # each step is a whole episode of each environment
        after = state()
        assert after[0] == before[0]
        assert after[1] - before[1] < 4 << 20

# SPDX-License-Identifier: GPL-2.0-only
"""Simulators on another machine: here, another network namespace at the other end of a pair of virtual cables."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zmq
import zmq.auth

import pybridge
from pybridge.link import load_keys, make_keys

PORT = 5600
OURS, THEIRS = "10.213.7.1", "10.213.7.2"  # inside the two namespaces only


@dataclass
class Wire:
    """Two namespaces and the cable between them."""

    ours: str
    theirs: str
    keys: Path

    def run(self, where: str, *command: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", where, *command],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def python(self, program: str, *arguments: str) -> subprocess.Popen[str]:
        return self.run(
            self.ours, sys.executable, "-c", textwrap.dedent(program), str(self.keys / "python"), *arguments
        )

    def serve(self, keys: Path | None = None) -> subprocess.Popen[str]:
        program = (
            "import sys, pybridge.remote as r\n"
            "try:\n    r.serve(sys.argv[1], keys=sys.argv[2])\n"
            "except r.LinkError as error:\n    sys.exit(str(error))\n"
        )
        where = str(keys or self.keys / "simulator")
        return self.run(self.theirs, sys.executable, "-c", program, f"tcp://{OURS}:{PORT}", where)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Wire]:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the ip command (package iproute2)")
    mark = uuid.uuid4().hex[:6]
    ours, theirs = f"qntn-a-{mark}", f"qntn-b-{mark}"
    made = []
    try:
        for namespace in (ours, theirs):
            try:
                ip("netns", "add", namespace)
            except subprocess.CalledProcessError as error:
                pytest.skip(f"network namespaces are not permitted here: {error.stderr!r}")
            made.append(namespace)
            ip("-n", namespace, "link", "set", "lo", "up")
        ip("link", "add", f"qa{mark}", "netns", ours, "type", "veth", "peer", "name", f"qb{mark}", "netns", theirs)
        for namespace, device, address in ((ours, f"qa{mark}", OURS), (theirs, f"qb{mark}", THEIRS)):
            ip("-n", namespace, "addr", "add", f"{address}/24", "dev", device)
            ip("-n", namespace, "link", "set", device, "up")
        make_keys(tmp_path / "keys")
        yield Wire(ours, theirs, tmp_path / "keys")
    finally:
        for namespace in made:
            ip("netns", "del", namespace)


TRAJECTORY = f"""
    import hashlib, json, sys
    import numpy as np, pybridge

    def run(scenario, transport):
        digest = hashlib.sha256()
        with pybridge.make_vec(scenario, num_envs=2, seed=5, transport=transport, params={{"num_steps": 20}}) as env:
            batch = env.reset()
            for _ in range(50):
                batch = env.step({{"manager": np.ones((2, 1, 1), np.float32),
                                  "worker": np.full((2, 1, 3), 1 / 3, np.float32)}})
                digest.update(batch.observations["worker"].tobytes() + batch.metrics.tobytes())
        return digest.hexdigest()

    with pybridge.Machines("tcp://{OURS}:{PORT}", keys=sys.argv[1]) as machines:
        remote = run(machines.scenario("tiny"), "zmq")
    print(json.dumps([remote, run("tiny", "shm")]))
"""


def test_another_machine_gives_the_same_bytes(cable: Wire, nothing_left: object) -> None:
    machine, python = cable.serve(), cable.python(TRAJECTORY)
    output, errors = python.communicate(timeout=60)
    assert python.returncode == 0, errors
    remote, local = json.loads(output)
    assert remote == local
    assert machine.wait(10) == 0, machine.stderr.read()
    for process in (machine, python):
        process.stdout.close()
        process.stderr.close()


STEP_FOR_EVER = f"""
    import sys, time
    import numpy as np, pybridge
    with pybridge.Machines("tcp://{OURS}:{PORT}", keys=sys.argv[1], patience_s=float(sys.argv[2])) as machines:
        try:
            with pybridge.make_vec(machines.scenario("echo"), num_envs=1, transport="zmq",
                                   params={{"num_steps": 4_000_000_000}}, step_timeout_s=float(sys.argv[3])) as env:
                env.reset()
                print("steps", flush=True)
                while True:
                    env.step({{"agent": np.zeros((1, 1, 1), np.float32)}})
        except pybridge.QntnError as error:
            print(type(error).__name__, str(error).replace("\\n", " "), flush=True)
"""


def finish(*processes: subprocess.Popen[str]) -> list[tuple[str, str]]:
    return [process.communicate(timeout=60) for process in processes]


def test_a_link_that_goes_down_is_an_error_on_both_sides(cable: Wire, nothing_left: object) -> None:
    machine, python = cable.serve(), cable.python(STEP_FOR_EVER, "30", "20")
    assert python.stdout is not None
    assert python.stdout.readline() == "steps\n"
    simulators = simulators_of(machine.pid)
    assert len(simulators) == 2
    ip("-n", cable.ours, "link", "set", device_of(cable.ours), "down")
    (told, errors), (_, complaint) = finish(python, machine)
    assert told.startswith("SimulatorDied"), (told, errors)
    assert "the link to its machine is down" in told
    assert f"the link to tcp://{OURS}:{PORT} is down" in complaint
    assert not [pid for pid in simulators if Path(f"/proc/{pid}/exe").exists()]


def test_a_slow_link_meets_the_step_deadline(cable: Wire, nothing_left: object) -> None:
    machine, python = cable.serve(), cable.python(STEP_FOR_EVER, "30", "0.3")
    assert python.stdout is not None
    assert python.stdout.readline() == "steps\n"
    slow = ["tc", "-n", cable.ours, "qdisc", "add", "dev", device_of(cable.ours), "root", "netem", "delay", "700ms"]
    if shutil.which("tc") is None or subprocess.run(slow, capture_output=True, check=False).returncode != 0:
        for pid in simulators_of(machine.pid):  # this kernel cannot slow a link down; who is stopped answers late too
            os.kill(pid, signal.SIGSTOP)
    (told, errors), _ = finish(python, machine)
    assert told.startswith("StepTimeout"), (told, errors)


def test_the_death_of_a_remote_simulator_is_told_with_its_status(cable: Wire, nothing_left: object) -> None:
    machine, python = cable.serve(), cable.python(STEP_FOR_EVER, "30", "20")
    assert python.stdout is not None
    assert python.stdout.readline() == "steps\n"
    for pid in simulators_of(machine.pid):
        os.kill(pid, 9)
    (told, errors), _ = finish(python, machine)
    assert told.startswith("SimulatorDied"), (told, errors)
    assert "SIGKILL" in told


def test_an_unknown_key_is_not_let_in(cable: Wire, tmp_path: Path, nothing_left: object) -> None:
    make_keys(tmp_path / "others")
    stranger = tmp_path / "others" / "simulator"
    shutil.copy(cable.keys / "simulator" / "python.key", stranger / "python.key")
    machine, python = cable.serve(stranger), cable.python(STEP_FOR_EVER, "3", "20")
    (told, errors), (_, complaint) = finish(python, machine)
    assert told.startswith("LinkError no machine has reported"), (told, errors)
    assert "does not know this key" in complaint or "is down" in complaint


def test_a_plain_client_and_garbage_do_not_get_in(tmp_path: Path, nothing_left: object) -> None:
    make_keys(tmp_path / "keys")
    port = free_port()
    endpoint = f"tcp://127.0.0.1:{port}"
    with pybridge.Machines(endpoint, keys=tmp_path / "keys", patience_s=1.5) as machines:
        plain = zmq.Context.instance().socket(zmq.DEALER)
        plain.setsockopt(zmq.LINGER, 0)
        plain.connect(endpoint)
        plain.send(json.dumps({"report": "ready"}).encode())
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(os.urandom(4096))
            with pytest.raises(pybridge.LinkError, match="no machine has reported"):
                machines.start("tiny")
        plain.close()


def test_a_message_that_is_too_long_closes_the_link(tmp_path: Path, nothing_left: object) -> None:
    make_keys(tmp_path / "keys")
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with pybridge.Machines(endpoint, keys=tmp_path / "keys", patience_s=1.5) as machines:
        known = zmq.Context.instance().socket(zmq.DEALER)
        known.setsockopt(zmq.LINGER, 0)
        public, secret = zmq.auth.load_certificate(tmp_path / "keys" / "simulator" / "simulator.key_secret")
        known.setsockopt(zmq.CURVE_PUBLICKEY, public)
        known.setsockopt(zmq.CURVE_SECRETKEY, secret or b"")
        known.setsockopt(zmq.CURVE_SERVERKEY, zmq.auth.load_certificate(tmp_path / "keys/simulator/python.key")[0])
        known.connect(endpoint)
        known.send(b" " * (1 << 20))
        with pytest.raises(pybridge.LinkError, match="no machine has reported"):
            machines.start("tiny")
        known.close()


def test_nothing_leaves_the_machine_without_keys(tmp_path: Path) -> None:
    with pytest.raises(pybridge.LinkError, match="no key .*python.key_secret"):
        pybridge.Machines("tcp://127.0.0.1:5999", keys=tmp_path)
    with pytest.raises(pybridge.LinkError, match="expected tcp://ADDRESS:PORT"):
        pybridge.Machines("127.0.0.1", keys=tmp_path)
    program = pybridge.scenario("tiny").program
    for words, status, text in (
        (["--qntn-connect=tcp://127.0.0.1:5999"], 64, "--qntn-keys=FOLDER is needed"),
        (["--qntn-connect=tcp://127.0.0.1:5999", f"--qntn-keys={tmp_path}"], 66, "no public-key in"),
    ):
        result = subprocess.run([str(program), *words], capture_output=True, text=True, timeout=10, check=False)
        assert result.returncode == status
        assert text in result.stderr


def test_secret_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    files = make_keys(tmp_path / "keys")
    for file in files:
        if file.name.endswith("_secret"):
            assert file.stat().st_mode & 0o077 == 0
    secret = tmp_path / "keys" / "python" / "python.key_secret"
    secret.chmod(0o644)
    with pytest.raises(pybridge.LinkError, match="may be read by others .* chmod 600"):
        load_keys(tmp_path / "keys")
    theirs = tmp_path / "keys" / "simulator" / "simulator.key_secret"
    theirs.chmod(0o640)
    result = subprocess.run(
        [str(pybridge.scenario("tiny").program), "--qntn-connect=tcp://127.0.0.1:5999", f"--qntn-keys={theirs.parent}"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    assert result.returncode == 77
    assert "may be read by others" in result.stderr
    with pytest.raises(pybridge.LinkError, match="holds keys already"):
        make_keys(tmp_path / "keys")


def simulators_of(serving: int) -> list[int]:
    """Scenario programs below the process that serves."""
    found = []
    for pid in map(int, Path(f"/proc/{serving}/task/{serving}/children").read_text().split()):
        if "/native/bin/" in str(Path(f"/proc/{pid}/exe").resolve()):
            found.append(pid)
        found += simulators_of(pid)
    return found


def device_of(namespace: str) -> str:
    """Our end of the cable."""
    return next(line.split(":")[1].split("@")[0].strip() for line in links(namespace) if "qa" in line)


def links(namespace: str) -> list[str]:
    listing = subprocess.run(["ip", "-n", namespace, "-o", "link"], capture_output=True, text=True, check=True)
    return listing.stdout.splitlines()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

# SPDX-License-Identifier: GPL-2.0-only
"""Key managers of a simulated network: real clients over TLS fetch keys, and nobody else does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http.client
import json
import os
import re
import shlex
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pybridge.errors import ParameterError
from pybridge.kms.certificates import make_certificates
from pybridge.kms.keys import KEPT_S, KeyDesk, KeyRefused
from pybridge.kms.network import LiveNetwork
from pybridge.kms.service import MAX_BODY_BYTES, make_server, serving

SAES = {"alice": "K1", "carol": "K1", "bob": "O2", "dave": "HONGO"}
PARAMS = {"faults": "", "demands": "K1 O2 8000"}


def children() -> set[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


async def filled(network: LiveNetwork) -> None:
    """Waits until the first demand's pool holds key."""
    for _ in range(2000):
        if network.usable_bytes(0) > 50_000:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the pool stays empty")


class Door:
    """Two KMEs that run in a thread of their own."""

    def __init__(self, certs: Path) -> None:
        self.certs = certs
        self.ports: dict[str, int] = {}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with LiveNetwork("tokyo", params=PARAMS, step_s=0.02) as network:
            desk = KeyDesk(network, SAES)
            servers = {kme: make_server(kme, desk, self.certs) for kme in ("K1", "O2")}
            async with serving(servers, "127.0.0.1", {"K1": 0, "O2": 0}) as self.ports:
                await filled(network)
                self._ready.set()
                await self._stop.wait()

    def __enter__(self) -> Door:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def connect(self, kme: str, sae: str | None, certs: Path | None = None) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cafile=str(self.certs / "ca.crt"))
        if sae:
            folder = certs or self.certs
            context.load_cert_chain(folder / f"{sae}.crt", folder / f"{sae}.key")
        return http.client.HTTPSConnection("127.0.0.1", self.ports[kme], context=context, timeout=20)

    def ask(self, kme: str, sae: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        with contextlib.closing(self.connect(kme, sae)) as connection:
            return ask(connection, method, path, body)


def ask(connection: http.client.HTTPSConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    connection.request(method, f"/api/v1/keys/{path}", content, {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kms") / "certs"
    make_certificates(folder, ["K1", "O2"], list(SAES))
    return folder


@pytest.fixture(scope="module")
def door(certs: Path) -> Iterator[Door]:
    with Door(certs) as running:
        yield running


def test_both_saes_get_the_same_key_once(door: Door) -> None:
    status, made = door.ask("K1", "alice", "POST", "bob/enc_keys", {"number": 3, "size": 512})
    assert status == 200
    assert [len(base64.b64decode(key["key"])) for key in made["keys"]] == [64] * 3
    assert len({key["key"] for key in made["keys"]}) == 3
    wish = {"key_IDs": [{"key_ID": key["key_ID"]} for key in made["keys"]]}
    status, fetched = door.ask("O2", "bob", "POST", "alice/dec_keys", wish)
    assert status == 200
    assert fetched == made
    status, again = door.ask("O2", "bob", "POST", "alice/dec_keys", wish)
    assert (status, again["message"]) == (400, "one or more keys specified are not found on KME")


def test_the_simple_calls_by_get(door: Door) -> None:
    status, made = door.ask("O2", "bob", "GET", "alice/enc_keys")  # the other way round works, too
    assert status == 200
    assert len(base64.b64decode(made["keys"][0]["key"])) == 32
    status, fetched = door.ask("K1", "alice", "GET", f"bob/dec_keys?key_ID={made['keys'][0]['key_ID']}")
    assert (status, fetched) == (200, made)
    status, made = door.ask("K1", "alice", "GET", "bob/enc_keys?number=2&size=64")
    assert [len(base64.b64decode(key["key"])) for key in made["keys"]] == [8, 8]


def test_status_has_the_fields_of_the_standard(door: Door) -> None:
    status, found = door.ask("K1", "alice", "GET", "bob/status")
    assert status == 200
    assert found["stored_key_count"] > 0
    assert {name: found[name] for name in ("source_KME_ID", "target_KME_ID", "master_SAE_ID", "slave_SAE_ID")} == {
        "source_KME_ID": "K1",
        "target_KME_ID": "O2",
        "master_SAE_ID": "alice",
        "slave_SAE_ID": "bob",
    }
    numbers = ("key_size", "max_key_count", "max_key_per_request", "max_key_size", "min_key_size", "max_SAE_ID_count")
    assert all(isinstance(found[name], int) for name in numbers)


def test_no_answer_without_a_certificate_of_the_authority(door: Door, tmp_path: Path) -> None:
    make_certificates(tmp_path / "other", ["K1"], ["alice"])
    for sae, certs in ((None, None), ("alice", tmp_path / "other")):
        with (
            contextlib.closing(door.connect("K1", sae, certs)) as connection,
            pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)),
        ):
            ask(connection, "GET", "bob/status")


def test_a_server_certificate_is_no_client_certificate(door: Door) -> None:
    with (
        contextlib.closing(door.connect("K1", "O2")) as connection,
        pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)),
    ):
        ask(connection, "GET", "bob/status")


def test_the_wrong_sae_gets_nothing(door: Door) -> None:
    _, made = door.ask("K1", "alice", "GET", "bob/enc_keys")
    key_id = made["keys"][0]["key_ID"]
    for kme, sae, path in (
        ("K1", "carol", f"alice/dec_keys?key_ID={key_id}"),  # not named when the key was made
        ("K1", "alice", f"bob/dec_keys?key_ID={key_id}"),  # has it already
        ("O2", "carol", f"alice/dec_keys?key_ID={key_id}"),  # of another KME
        ("O2", "bob", f"carol/dec_keys?key_ID={key_id}"),  # another master
        ("O2", "alice", "bob/status"),
        ("O2", "alice", "bob/enc_keys"),
        ("K1", "dave", "bob/enc_keys"),
    ):
        status, error = door.ask(kme, sae, "GET", path)
        assert status == 401
        assert set(error) == {"message"}
        assert made["keys"][0]["key"] not in json.dumps(error)
    assert door.ask("O2", "bob", "GET", f"alice/dec_keys?key_ID={key_id}")[1] == made


@pytest.mark.parametrize(
    ("method", "path", "body", "message"),
    [
        ("POST", "bob/enc_keys", b"{", "not JSON"),
        ("POST", "bob/enc_keys", b"\xff\xfe", "not JSON"),
        ("POST", "bob/enc_keys", b"[" * 60000, "not JSON"),
        ("POST", "bob/enc_keys", b"[1]", "JSON object"),
        ("POST", "bob/enc_keys", b" " * (MAX_BODY_BYTES + 1), "longer than"),
        ("POST", "bob/enc_keys", {"number": "2"}, "number shall be a whole number"),
        ("POST", "bob/enc_keys", {"number": 0}, "number shall be 1 to"),
        ("POST", "bob/enc_keys", {"number": 10**30}, "number shall be 1 to"),
        ("POST", "bob/enc_keys", {"size": 100}, "size shall be a multiple of 8"),
        ("POST", "bob/enc_keys", {"size": 8}, "size shall be 64 to"),
        ("POST", "bob/enc_keys", {"size": 1 << 20}, "size shall be 64 to"),
        ("POST", "bob/enc_keys", {"additional_slave_SAE_IDs": ["carol"]}, "not supported"),
        ("POST", "bob/enc_keys", {"extension_mandatory": [{"x": 1}]}, "not all extension_mandatory"),
        ("POST", "nobody/enc_keys", {}, "slave SAE is not known"),
        ("POST", "dave/enc_keys", {}, "no key relation between KME K1 and KME HONGO"),
        ("POST", "carol/enc_keys", {}, "no key relation between KME K1 and KME K1"),
        ("GET", "bob/enc_keys?number=x", None, "whole number"),
        ("GET", "bob/enc_keys?colour=red", None, "GET takes"),
        ("POST", "bob/dec_keys", {"key_IDs": "x"}, "list of objects"),
        ("POST", "bob/dec_keys", {"key_IDs": [{"key_ID": 5}]}, "list of objects"),
        ("POST", "bob/dec_keys", {}, "no key_ID"),
        ("POST", "bob/dec_keys", {"key_IDs": [{"key_ID": "a"}, {"key_ID": "a"}]}, "named twice"),
        ("GET", "bob/dec_keys?key_ID=none", None, "not found on KME"),
    ],
)
def test_bad_requests_are_told_so(door: Door, method: str, path: str, body: Any, message: str) -> None:
    status, error = door.ask("K1", "alice", method, path, body)
    assert status == 400
    assert message in error["message"]


def test_other_paths_and_methods(door: Door) -> None:
    assert door.ask("K1", "alice", "GET", "bob/other")[0] == 404
    assert door.ask("K1", "alice", "DELETE", "bob/status")[0] == 405


def test_thousands_of_requests_over_hundreds_of_connections(door: Door) -> None:
    """Every key is delivered once to each side, and nothing else is."""
    num_connections, per_connection = 256, 8
    all_open = threading.Barrier(num_connections)

    def make(_: int) -> list[dict[str, str]]:
        with contextlib.closing(door.connect("K1", "alice")) as connection:
            connection.connect()
            all_open.wait(60)
            made: list[dict[str, str]] = []
            for _ in range(1000):
                status, answer = ask(connection, "GET", "bob/enc_keys?size=64")
                assert status in (200, 503)
                made += answer["keys"] if status == 200 else []
                if len(made) == per_connection:
                    return made
            raise AssertionError("the pool stays empty")

    def fetch(keys: list[dict[str, str]]) -> list[dict[str, str]]:
        with contextlib.closing(door.connect("O2", "bob")) as connection:
            connection.connect()
            all_open.wait(60)
            fetched = []
            for key in keys:
                path = f"alice/dec_keys?key_ID={key['key_ID']}"
                status, answer = ask(connection, "GET", path)
                assert status == 200
                fetched += answer["keys"]
                assert ask(connection, "GET", path)[0] == 400  # delivered once
            return fetched

    with ThreadPoolExecutor(num_connections) as pool:
        made = list(pool.map(make, range(num_connections)))
        fetched = list(pool.map(fetch, made))
    assert fetched == made
    keys = [key for part in made for key in part]
    assert len(keys) == 2048
    assert len({key["key_ID"] for key in keys}) == len({key["key"] for key in keys}) == 2048


def test_an_exhausted_pool_answers_503(door: Door) -> None:
    def much(_: int) -> int:
        return door.ask("K1", "alice", "POST", "bob/enc_keys", {"number": 128, "size": 4096})[0]

    statuses: set[int] = set()
    with ThreadPoolExecutor(8) as pool:  # each takes most of what a pool can hold
        for _ in range(20):
            statuses |= set(pool.map(much, range(8)))
            if len(statuses) > 1:
                break
    assert statuses == {200, 503}


def test_without_a_quantum_link_there_is_no_key() -> None:
    params = {"demands": "K1 O2 0", "generation_ratio": 0.0, "pool_initial_mib": 0.1, "faults": ""}

    async def refused() -> tuple[int, int]:
        async with LiveNetwork("tokyo", params=params, step_s=0.02) as network:
            desk = KeyDesk(network, SAES)
            await asyncio.sleep(0.1)
            with pytest.raises(KeyRefused) as found:
                await desk.encrypt("K1", "alice", "bob", 1, 256)
            return found.value.status, desk.status("K1", "alice", "bob")["stored_key_count"]

    assert asyncio.run(refused()) == (503, 0)


def test_key_that_nobody_fetches_is_deleted_and_a_dead_simulator_answers() -> None:
    async def scene() -> None:
        now = 0.0
        network = LiveNetwork("tokyo", params=PARAMS, step_s=0.02)
        async with network:
            desk = KeyDesk(network, SAES, clock=lambda: now)
            await filled(network)
            [(key_id, key)] = await desk.encrypt("K1", "alice", "bob", 1, 256)
            assert key.hex() not in repr(desk._held)
            now = KEPT_S + 1
            with pytest.raises(KeyRefused, match="not found"):
                desk.decrypt("O2", "bob", "alice", [key_id])
            assert desk.num_held == 0
        with pytest.raises(KeyRefused, match="ended"):
            await desk.encrypt("K1", "alice", "bob", 1, 256)

    asyncio.run(scene())


def test_a_simulator_that_dies_is_told_to_who_asks() -> None:
    async def scene() -> KeyRefused:
        before = children()
        async with LiveNetwork("tokyo", params=PARAMS, step_s=0.02) as network:
            desk = KeyDesk(network, SAES)
            await filled(network)
            for _ in range(1000):
                for pid in children() - before:  # again: the kernel may leave one out of a list that changes
                    os.kill(pid, signal.SIGKILL)
                try:
                    await desk.encrypt("K1", "alice", "bob", 1, 64)
                except KeyRefused as refused:
                    if "ended" in refused.message:
                        return refused
                await asyncio.sleep(0.01)
        raise AssertionError("nobody noticed")

    assert asyncio.run(scene()).status == 503


def test_two_desks_never_share_key() -> None:
    async def key() -> bytes:
        async with LiveNetwork("tokyo", params=PARAMS, step_s=0.02, seed=7) as network:
            desk = KeyDesk(network, SAES)
            await filled(network)
            return (await desk.encrypt("K1", "alice", "bob", 1, 256))[0][1]

    assert asyncio.run(key()) != asyncio.run(key())


def test_private_keys_are_private_and_names_checked(certs: Path, tmp_path: Path) -> None:
    for file in certs.glob("*.key"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {file.stem for file in certs.glob("*.key")} == {"K1", "O2", *SAES}  # none of the authority
    for kmes, saes, words in (
        (["../x"], [], "expected letters"),
        (["a"], ["a"], "expected each once"),
        (["ca"], [], "not 'ca'"),
    ):
        with pytest.raises(ParameterError, match=words):
            make_certificates(tmp_path / "new", kmes, saes)
    with pytest.raises(ParameterError, match="holds certificates already"):
        make_certificates(certs, ["K9"], [])


def test_the_command_serves_and_keeps_keys_to_itself(certs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from agents.cli import main; main()", "kms", "serve", "tokyo"]
    command += ["--kme", "K1", "--port", "0", "--sae", "alice=K1", "--sae", "bob=O2", "--certs", str(certs)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        try:
            assert server.stdout is not None
            line = server.stdout.readline()
            port = re.search(r"KME K1 of tokyo: https://127\.0\.0\.1:(\d+)/api/v1/keys", line)
            assert port, line + server.stdout.read()
            door = Door(certs)
            door.ports = {"K1": int(port[1])}
            for _ in range(1000):
                status, made = door.ask("K1", "alice", "GET", "bob/enc_keys")
                if status == 200:
                    break
                time.sleep(0.01)
            assert status == 200
        finally:
            server.send_signal(signal.SIGTERM)
        rest = server.stdout.read()
        assert server.wait(20) == 0
    secret = made["keys"][0]["key"]
    assert secret not in line + rest
    assert not list(tmp_path.iterdir())


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def test_the_example_of_the_documentation_with_curl(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "pybridge" / "kms" / "README.md").read_text()
    for port, free in zip(("8443", "8444"), free_ports(2), strict=True):
        text = text.replace(port, str(free))
    serving_side, client_side = re.findall(r"```\n(.*?)```", text, re.DOTALL)[:2]
    _, certs_line, serve_line = serving_side.strip().splitlines()  # the first installs what is installed
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(shlex.split(certs_line), cwd=tmp_path, env=environment, check=True, timeout=60, capture_output=True)
    with subprocess.Popen(
        shlex.split(serve_line),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert "KME K1" in server.stdout.readline()
            assert "KME O2" in server.stdout.readline()
            for _ in range(100):  # the pool begins empty; who asks too early asks again
                client = subprocess.run(
                    ["bash", "-c", client_side], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
                )
                if client.returncode == 0:
                    break
                time.sleep(0.1)
        finally:
            server.send_signal(signal.SIGTERM)
        server.stdout.read()
        assert server.wait(20) == 0
    assert re.search(r"both have key [0-9a-f-]{36}", client.stdout)
    assert '"stored_key_count"' in client.stdout
    assert client.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tokyo", "--kme", "K9", "--port", "0", "--sae", "a=K1"], "no site 'K9'"),
        (["tokyo", "--kme", "K1", "--port", "0", "--sae", "a=K9"], "no site 'K9'"),
        (["tokyo", "--kme", "K1", "--port", "0", "--sae", "a"], "expected ID=SITE"),
        (["tokyo", "--kme", "K1", "--port", "0", "--port", "1", "--sae", "a=K1"], "one port for each KME"),
        (["tiny", "--kme", "K1", "--port", "0", "--sae", "a=K1"], "no parameter 'live'"),
        (["tokyo", "--kme", "K2", "--port", "0", "--sae", "a=K1"], "qntn kms certs"),
    ],
)
def test_the_command_refuses_what_does_not_go_together(words: list[str], message: str, certs: Path) -> None:
    command = [sys.executable, "-c", "from agents.cli import main; main()", "kms", "serve", *words]
    result = subprocess.run([*command, "--certs", str(certs)], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert message in " ".join(result.stderr.split())

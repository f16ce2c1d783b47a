# SPDX-License-Identifier: GPL-2.0-only
"""ZMQ links that leave the machine: keys for both sides, heartbeats, and whether the link is up.

Off this machine nothing is sent or read without CURVE: each side has a key pair, Python lets in only the
public keys that lie in its folder, and a simulator talks only to the Python whose public key it was given.
"""

from __future__ import annotations

import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import zmq
import zmq.auth
from zmq.auth.thread import ThreadAuthenticator
from zmq.utils.monitor import recv_monitor_message

from pybridge.errors import LinkError

HEARTBEAT_MS = 500
SILENCE_MS = 2000  # without a heartbeat the link is down

_AUTHENTICATORS: dict[int, ThreadAuthenticator] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Keys:
    """Who Python is, and whom it lets in.

    Attributes:
        public, secret: its own key pair, Z85.
        peers: folder with the public keys that it lets in.
    """

    public: bytes
    secret: bytes
    peers: Path


def make_keys(folder: Path) -> list[Path]:
    """Makes the keys of both sides: `python/` to keep, `simulator/` to take to the other machine.

    `python/` holds `python.key_secret` and, in `peers/`, the public key of the simulators; `simulator/` holds
    `simulator.key_secret` and the public key `python.key`. Secret files are readable by their owner only.

    Raises:
        LinkError: there are keys already.
    """
    ours, theirs = folder / "python", folder / "simulator"
    if ours.exists() or theirs.exists():
        raise LinkError(f"{folder} holds keys already; take another folder, or remove python/ and simulator/")
    for place in (ours / "peers", theirs):
        place.mkdir(parents=True, mode=0o700)
    before = os.umask(0o077)
    try:
        zmq.auth.create_certificates(ours, "python")
        zmq.auth.create_certificates(theirs, "simulator")
    finally:
        os.umask(before)
    (ours / "python.key").rename(theirs / "python.key")
    (theirs / "simulator.key").rename(ours / "peers" / "simulator.key")
    return sorted(path for path in folder.rglob("*") if path.is_file())


def load_keys(folder: Path) -> Keys:
    """Python's side of what `make_keys` made, `folder` being `python/` or the folder above it.

    Raises:
        LinkError: a file is missing, others may read the secret key, or nobody would be let in.
    """
    folder = folder / "python" if (folder / "python").is_dir() else folder
    public, secret = load_secret(folder / "python.key_secret")
    if not list((folder / "peers").glob("*.key")):
        raise LinkError(f"{folder / 'peers'} holds no public key, so nobody would be let in; see `qntn keys`")
    return Keys(public, secret, folder / "peers")


def load_secret(file: Path) -> tuple[bytes, bytes]:
    """Public and secret key of a key pair's file, Z85.

    Raises:
        LinkError: the file is missing, is no key, or others may read it.
    """
    if not file.is_file():
        raise LinkError(f"no key {file}; `qntn keys FOLDER` makes keys")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        raise LinkError(f"{file} may be read by others (mode {mode:o}); run: chmod 600 {file}")
    public, secret = _load(file)
    if secret is None:
        raise LinkError(f"{file} holds no secret key; `qntn keys FOLDER` makes keys")
    return public, secret


def load_public(file: Path) -> bytes:
    """A public key, Z85.

    Raises:
        LinkError: the file is missing or no key.
    """
    if not file.is_file():
        raise LinkError(f"no key {file}; `qntn keys FOLDER` makes keys")
    return _load(file)[0]


class Link:
    """Watches a socket that leaves the machine: whether it was connected, and still is."""

    def __init__(self, watched: zmq.Socket[bytes]) -> None:
        self._watched = watched
        self._monitor = watched.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        )
        self.connected = False
        self.refused = 0
        self._down = False

    def is_down(self) -> bool:
        """Whether it was connected once and is not any more."""
        while self._monitor.poll(0):
            event = recv_monitor_message(self._monitor)["event"]
            if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.connected = True
            elif event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self.refused += 1
            elif self.connected:
                self._down = True
        return self._down

    def close(self) -> None:
        """Stops watching."""
        self._watched.disable_monitor()
        self._monitor.close()


def secure(unbound: zmq.Socket[bytes], keys: Keys) -> Link:
    """Makes a socket that Python will bind a CURVE server with heartbeats."""
    _let_in(keys)
    unbound.setsockopt(zmq.CURVE_SERVER, 1)
    unbound.setsockopt(zmq.CURVE_PUBLICKEY, keys.public)
    unbound.setsockopt(zmq.CURVE_SECRETKEY, keys.secret)
    unbound.setsockopt_string(zmq.ZAP_DOMAIN, str(keys.peers))
    _beat(unbound)
    return Link(unbound)


def secure_client(unconnected: zmq.Socket[bytes], folder: Path) -> Link:
    """The same for the other side, with the keys of `simulator/`."""
    public, secret = load_secret(folder / "simulator.key_secret")
    unconnected.setsockopt(zmq.CURVE_PUBLICKEY, public)
    unconnected.setsockopt(zmq.CURVE_SECRETKEY, secret)
    unconnected.setsockopt(zmq.CURVE_SERVERKEY, load_public(folder / "python.key"))
    _beat(unconnected)
    return Link(unconnected)


def host_of(endpoint: str) -> str:
    """The address of a tcp endpoint without its port.

    Raises:
        LinkError: it is none with a port.
    """
    parts = urlsplit(endpoint)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "tcp" or not parts.hostname or port is None:
        raise LinkError(f"endpoint: found {endpoint!r}, expected tcp://ADDRESS:PORT")
    return parts.hostname


def _beat(unbound: zmq.Socket[bytes]) -> None:
    unbound.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT_MS)
    unbound.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE_MS)
    unbound.setsockopt(zmq.HEARTBEAT_TTL, SILENCE_MS)
    unbound.setsockopt(zmq.HANDSHAKE_IVL, SILENCE_MS)


def _let_in(keys: Keys) -> None:
    """Asks ZMQ of this process to let in the public keys of the folder, and nobody else."""
    with _LOCK:
        authenticator = _AUTHENTICATORS.get(os.getpid())
        if authenticator is None or not authenticator.is_alive():
            authenticator = ThreadAuthenticator(zmq.Context.instance())
            authenticator.start()
            _AUTHENTICATORS[os.getpid()] = authenticator
        authenticator.configure_curve(domain=str(keys.peers), location=str(keys.peers))


def stop_letting_in() -> None:
    """Ends the thread that knows the keys; the next link starts it anew."""
    with _LOCK:
        authenticator = _AUTHENTICATORS.pop(os.getpid(), None)
        if authenticator is not None:
            authenticator.stop()


def _load(file: Path) -> tuple[bytes, bytes | None]:
    try:
        return zmq.auth.load_certificate(file)
    except (ValueError, OSError) as error:
        raise LinkError(f"{file} is no key: {error}") from error

# SPDX-License-Identifier: GPL-2.0-only
"""Key containers: who may have which key, once. Knows nothing of HTTP."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from pybridge.errors import ParameterError
from pybridge.kms.network import LiveNetwork
from pybridge.schema import suggest

KEY_SIZE_BITS = 256
MIN_KEY_SIZE_BITS = 64
MAX_KEY_SIZE_BITS = 4096
MAX_KEYS_PER_REQUEST = 128
KEPT_S = 3600.0
"""Key that the second SAE does not fetch within this time is deleted."""


class KeyRefused(Exception):
    """A request that ETSI GS QKD 014 V1.1.1 answers with an Error; carries no key.

    Attributes:
        status: of HTTP: 400, 401 or 503 (clause 5.1).
    """

    def __init__(self, status: int, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = [{name: text} for name, text in details.items()]


@dataclass(slots=True)
class _Held:
    """A key that one SAE has and the other may still fetch."""

    key: bytes = field(repr=False)
    master: str
    slave: str
    until: float


class KeyDesk:
    """Hands out the keys of a LiveNetwork to the SAEs of its sites.

    The simulator says how much key there is and which places of a demand's sequence are spent. The bits of a place are
    derived from a secret of this process (HKDF, RFC 5869, SHA-256) and the demand and place, so both SAEs get the same
    bits, no two places have the same, and nothing that the simulator writes or that a seed repeats tells anything of
    them. The secret is drawn at the start and never leaves the memory of the process.
    """

    def __init__(
        self, network: LiveNetwork, sae_sites: Mapping[str, str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Make a desk; `sae_sites` says at which site each SAE is.

        Raises:
            ParameterError: a site does not exist.
        """
        for sae, site in sae_sites.items():
            if site not in network.sites:
                raise ParameterError(f"SAE {sae}: no site {site!r}{suggest(site, network.sites)}")
        self._network = network
        self._sites = dict(sae_sites)
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._names = uuid.UUID(bytes=secrets.token_bytes(16), version=4)
        self._held: dict[str, _Held] = {}

    def status(self, kme: str, requestor: str, slave: str) -> dict[str, Any]:
        """Clause 6.1: what the pair of SAEs can have.

        Raises:
            KeyRefused: one of the SAEs is not known here.
        """
        relation = self._relation(kme, requestor, slave)
        key_bytes = KEY_SIZE_BITS // 8
        return {
            "source_KME_ID": kme,
            "target_KME_ID": self._sites[slave],
            "master_SAE_ID": requestor,
            "slave_SAE_ID": slave,
            "key_size": KEY_SIZE_BITS,
            "stored_key_count": self._network.usable_bytes(relation) // key_bytes,
            "max_key_count": 10_000_000 // key_bytes,
            "max_key_per_request": MAX_KEYS_PER_REQUEST,
            "max_key_size": MAX_KEY_SIZE_BITS,
            "min_key_size": MIN_KEY_SIZE_BITS,
            "max_SAE_ID_count": 0,
        }

    async def encrypt(self, kme: str, requestor: str, slave: str, number: int, size: int) -> list[tuple[str, bytes]]:
        """Clause 6.2: `number` new keys of `size` bits as (key_ID, key); the slave SAE may fetch them once.

        Raises:
            KeyRefused: the request is not possible, or there is not enough key (503).
        """
        relation = self._relation(kme, requestor, slave)
        if not 1 <= number <= MAX_KEYS_PER_REQUEST:
            raise KeyRefused(400, f"number shall be 1 to {MAX_KEYS_PER_REQUEST}")
        if size % 8:
            raise KeyRefused(400, "size shall be a multiple of 8")
        if not MIN_KEY_SIZE_BITS <= size <= MAX_KEY_SIZE_BITS:
            raise KeyRefused(400, f"size shall be {MIN_KEY_SIZE_BITS} to {MAX_KEY_SIZE_BITS}")
        try:
            offset = await self._network.take(relation, number * size // 8)
        except RuntimeError as error:
            raise KeyRefused(503, str(error)) from error
        if offset is None:
            raise KeyRefused(503, "the key pool does not hold enough key; try again later")
        self._forget_old()
        keys = []
        for i in range(number):
            place = offset + i * size
            key = self._derive(relation, place, size)
            key_id = str(uuid.uuid5(self._names, f"{relation}/{place}"))
            self._held[key_id] = _Held(key, requestor, slave, self._clock() + KEPT_S)
            keys.append((key_id, key))
        return keys

    def decrypt(self, kme: str, requestor: str, master: str, key_ids: list[str]) -> list[tuple[str, bytes]]:
        """Clause 6.3: the keys of these ids, which are deleted with it; all or none.

        Raises:
            KeyRefused: a key is not there (400), or was not made for this pair of SAEs (401).
        """
        self._require_sae(kme, requestor)
        self._forget_old()
        if not key_ids:
            raise KeyRefused(400, "no key_ID in the request")
        if len(set(key_ids)) < len(key_ids):
            raise KeyRefused(400, "a key_ID is named twice")
        if len(key_ids) > MAX_KEYS_PER_REQUEST:
            raise KeyRefused(400, f"more than {MAX_KEYS_PER_REQUEST} key_IDs in the request")
        missing = [key_id for key_id in key_ids if key_id not in self._held]
        if missing:
            raise KeyRefused(400, "one or more keys specified are not found on KME", key_ID=missing[0][:64])
        for key_id in key_ids:
            held = self._held[key_id]
            if (held.slave, held.master) != (requestor, master):
                raise KeyRefused(401, "the requestor was not named in the enc_keys call that created the key")
        return [(key_id, self._held.pop(key_id).key) for key_id in key_ids]

    @property
    def num_held(self) -> int:
        """Keys that one SAE has and the other has not fetched."""
        return len(self._held)

    def _require_sae(self, kme: str, sae: str) -> None:
        if self._sites.get(sae) != kme:
            raise KeyRefused(401, "the client certificate names no SAE of this KME")

    def _relation(self, kme: str, requestor: str, slave: str) -> int:
        self._require_sae(kme, requestor)
        if slave not in self._sites:
            raise KeyRefused(400, "the slave SAE is not known", slave_SAE_ID=slave[:64])
        relation = self._network.find_relation(kme, self._sites[slave])
        if relation is None:
            raise KeyRefused(400, f"no key relation between KME {kme} and KME {self._sites[slave]}")
        return relation

    def _derive(self, relation: int, place: int, size: int) -> bytes:
        info = f"qntn kms {relation} {place} {size}".encode()
        return HKDFExpand(algorithm=hashes.SHA256(), length=size // 8, info=info).derive(self._secret)

    def _forget_old(self) -> None:
        now = self._clock()
        while self._held:  # in the order in which they were made
            key_id = next(iter(self._held))
            if self._held[key_id].until > now:
                return
            del self._held[key_id]

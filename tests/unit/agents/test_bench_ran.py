# SPDX-License-Identifier: GPL-2.0-only
"""The measuring program of the radio access says what it measured, and why it could not."""

from __future__ import annotations

import pytest

from agents.bench import ran
from pybridge.errors import QntnError


@pytest.mark.parametrize("ip", [0, 1])
def test_a_row_accounts_for_its_time(ip: int) -> None:
    row = ran.run(ues=12, gnbs=2, satellites=1, mbps=20, duration=0.2, profile=1, ip=ip)
    assert row["stack"] == ("ip" if ip else "direct")
    assert row["real_time_factor"] == pytest.approx(row["simulated_s"] / row["cpu_s"], rel=1e-3)
    assert row["slots_per_s"] * row["cpu_s"] == pytest.approx(0.2 * (2 * 2000 + 1000), rel=0.02)
    assert 0.5 * 20 < row["delivered_mbps"] < 1.5 * 20
    assert sum(row[part] for part in row if part.endswith("_ratio")) == pytest.approx(1, abs=0.01)
    speed, shares = ran.as_tables([row])
    assert speed.row_count == shares.row_count == 1


def test_an_unknown_option_is_told() -> None:
    with pytest.raises(QntnError, match="--stars=1 failed with status"):
        ran.run(stars=1)

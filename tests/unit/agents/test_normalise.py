# SPDX-License-Identifier: GPL-2.0-only
"""Running statistics against numpy's."""

import numpy as np
import pytest

from agents.learner.normalise import RunningNormaliser, ValueNormaliser


def test_batches_merge_to_the_statistics_of_all_rows():
    rng = np.random.default_rng(3)
    rows = rng.normal([5, -100], [2, 0.1], (400, 2))
    normaliser = RunningNormaliser({"cell": (1, 2)})
    for part in np.split(rows, [1, 20, 300]):
        normaliser.update(part)
    assert normaliser.mean == pytest.approx(rows.mean(axis=0))
    assert normaliser.variance == pytest.approx(rows.var(axis=0))


def test_rows_of_a_group_share_statistics_and_groups_do_not():
    rng = np.random.default_rng(4)
    cells, routers = rng.normal(5, 2, (100, 3, 2)), rng.normal(-1, 9, (100, 2, 4))
    normaliser = RunningNormaliser({"cell": (3, 2), "router": (2, 4)})
    together = np.concatenate([cells.reshape(100, -1), routers.reshape(100, -1)], axis=1)
    for part in np.split(together, [1, 60]):
        normaliser.update(part)
    state = normaliser.state_dict()
    for name, rows in (("cell", cells.reshape(-1, 2)), ("router", routers.reshape(-1, 4))):
        assert state[name]["count"] == len(rows)
        assert state[name]["mean"] == pytest.approx(rows.mean(axis=0))
        assert state[name]["variance"] == pytest.approx(rows.var(axis=0))
    expected = (cells - cells.mean((0, 1))) / cells.std((0, 1))
    assert normaliser(together)[:, :6].reshape(cells.shape) == pytest.approx(expected, abs=1e-6)
    other = RunningNormaliser({"cell": (3, 2), "router": (2, 4)})
    other.load_state_dict(state)
    assert other(together).tolist() == normaliser(together).tolist()


def test_a_constant_feature_becomes_zero_and_outliers_are_clipped():
    normaliser = RunningNormaliser({"cell": (1, 2)}, clip=5.0)
    normaliser.update(np.array([[7.0, -1.0], [7.0, 1.0]]))
    assert normaliser(np.array([[7.0, 1000.0]])).tolist() == [[0.0, 5.0]]


def test_value_statistics_are_debiased():
    normaliser = ValueNormaliser(decay=0.9)
    normaliser.update(np.array([10.0, 14.0]))
    assert normaliser.mean == pytest.approx(12)  # not 0.1 * 12
    assert normaliser.deviation == pytest.approx(2)
    normaliser.update(np.array([20.0, 20.0]))
    assert normaliser.mean == pytest.approx((0.9 * 12 + 20) / 1.9)


def test_values_come_back():
    normaliser = ValueNormaliser()
    returns = np.array([-300.0, 2.0, 50.0])
    assert normaliser.denormalise(returns).tolist() == returns.tolist()  # nothing seen: nothing changes
    normaliser.update(returns)
    assert normaliser.normalise(returns).std() == pytest.approx(1)
    assert normaliser.denormalise(normaliser.normalise(returns)) == pytest.approx(returns)

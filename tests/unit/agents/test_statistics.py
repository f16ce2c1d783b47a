# SPDX-License-Identifier: GPL-2.0-only
"""Measures of comparison: worked by hand, against closed forms, and that intervals cover what they claim."""

import numpy as np
import pytest
from scipy import stats

from agents.evidence import statistics


def test_interquartile_mean_by_hand_and_by_scipy():
    assert statistics.interquartile_mean(np.array([[100.0, 1, 2, 3, 4, 5, 6, -50]])) == 3.5  # of 2 3 4 5
    scores = np.random.default_rng(1).normal(size=(4, 33))
    assert statistics.interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25, axis=None))


def test_improvement_by_hand():
    ours, theirs = np.array([[1.0, 2, 3], [0, 2, 5]]), np.array([[0.0, 2, 4]])
    # seed by seed: (1, tie), (tie, tie), (0, 1)
    assert statistics.improvement(ours, theirs) == pytest.approx((1 + 0.5 + 0.5 + 0.5 + 0 + 1) / 6)
    assert statistics.improvement(theirs, ours) == pytest.approx(1 - statistics.improvement(ours, theirs))


def test_improvement_of_gaussians_has_its_closed_form():
    rng = np.random.default_rng(2)
    ours, theirs = rng.normal(0.5, 1, (3, 4000)), rng.normal(0, 1, (3, 4000))
    assert statistics.improvement(ours, theirs) == pytest.approx(stats.norm.cdf(0.5 / np.sqrt(2)), abs=0.01)


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    covered = []
    for trial in range(60):
        scores = rng.normal(2.0, 1.0, (1, 30))
        found = statistics.estimate(scores, statistics.mean, seed=trial)
        covered.append(found.low <= 2.0 <= found.high)
    assert 0.85 <= np.mean(covered) <= 1.0


def test_an_interval_of_several_runs_covers_the_truth_where_seeds_are_hard_for_all():
    rng = np.random.default_rng(7)
    covered = []
    for trial in range(100):
        runs, seeds, both = rng.normal(0, 0.1, (5, 1)), rng.normal(0, 1, (1, 30)), rng.normal(0, 0.1, (5, 30))
        found = statistics.estimate(runs + seeds + both, statistics.mean, seed=trial)
        covered.append(found.low <= 0 <= found.high)
    assert 0.87 <= np.mean(covered) <= 0.99  # seeds drawn apart for each run cover it in 60 of 100 cases


def test_an_interval_of_runs_that_do_the_same_is_that_of_one():
    scores = np.random.default_rng(8).normal(0, 1, (1, 30))
    one, eight = (statistics.estimate(np.repeat(scores, runs, axis=0), statistics.mean) for runs in (1, 8))
    assert [eight.low, eight.value, eight.high] == pytest.approx([one.low, one.value, one.high])


def test_an_interval_of_a_mean_is_near_the_normal_one():
    scores = np.random.default_rng(4).normal(0.0, 1.0, (1, 400))
    found = statistics.estimate(scores, statistics.mean)
    assert found.high - found.low == pytest.approx(2 * 1.96 * scores.std() / 20, rel=0.1)


def test_runs_that_differ_widen_the_interval():
    rng = np.random.default_rng(5)
    alike = rng.normal(0, 1, (4, 50))
    apart = alike + np.array([[-3.0], [-1], [1], [3]])
    widths = [found.high - found.low for found in map(statistics.estimate, (alike, apart))]
    assert widths[1] > 3 * widths[0]


def test_differences_that_pairing_cancels_are_certain():
    theirs = np.random.default_rng(6).normal(0, 10, (1, 20))
    found = statistics.compare(theirs + 0.1, theirs)
    assert (found.low, found.value, found.high) == (1, 1, 1)


def test_a_closed_gap_by_hand_and_how_sure_it_is():
    theirs, ceiling = np.array([[1.0, 2, 3]]), np.array([[2.0, 4, 6]])
    found = statistics.closed_gap(theirs + 0.5, theirs, ceiling)
    assert found.value == pytest.approx(0.5 / 2)
    assert found.low == pytest.approx(0.5 / 3)  # the third seed alone, whose gap is 3
    assert found.high == pytest.approx(0.5 / 1)
    halfway = statistics.closed_gap((theirs + ceiling) / 2, theirs, ceiling)
    assert [halfway.low, halfway.value, halfway.high] == pytest.approx([0.5, 0.5, 0.5])


def test_jain_by_hand():
    assert statistics.jain(np.array([1.0, 1, 1])) == pytest.approx(1)
    assert statistics.jain(np.array([1.0, 0, 0, 0])) == pytest.approx(0.25)
    assert statistics.jain(np.array([1.0, 3])) == pytest.approx(16 / 20)
    assert statistics.jain(np.zeros(3)) == 1


def test_a_profile_counts_what_lies_above():
    assert statistics.profile(np.array([[1.0, 2], [3, 4]]), np.array([0.0, 2, 4])).tolist() == [1, 0.5, 0]


def test_other_seeds_are_refused():
    with pytest.raises(ValueError, match="of 2 and 3 seeds"):
        statistics.compare(np.ones((1, 2)), np.ones((1, 3)))
    with pytest.raises(ValueError, match=r"expected \[training runs, held-out seeds\]"):
        statistics.estimate(np.ones(3))


def test_over_tasks_a_small_advantage_becomes_certain():
    rng = np.random.default_rng(5)
    tasks = [(rng.normal(0.4, 1, (3, 20)), rng.normal(0, 1, (3, 20))) for _ in range(12)]
    alone, together = statistics.compare(*tasks[0]), statistics.compare_over_tasks(tasks)
    assert together.value == pytest.approx(np.mean([statistics.improvement(*pair) for pair in tasks]))
    assert together.low > 0.5
    # variances of independent means add up: of twelve tasks' mean it is a twelfth
    assert together.high - together.low == pytest.approx((alone.high - alone.low) / np.sqrt(12), rel=0.35)


def test_a_task_counts_as_much_as_another_whatever_its_runs():
    won, lost = (np.ones((5, 4)), np.zeros((1, 4))), (np.zeros((1, 4)), np.ones((2, 4)))
    assert statistics.compare_over_tasks([won, lost]) == statistics.Estimate(0.5, 0.5, 0.5)


def test_tasks_on_the_same_held_out_seeds_tell_no_more_than_one_if_they_do_the_same():
    rng = np.random.default_rng(9)
    task = rng.normal(0.2, 1, (1, 20)), rng.normal(0, 1, (1, 20))
    one = statistics.compare(*task, statistics.mean_gain)
    same = statistics.compare_over_tasks([task] * 4, statistics.mean_gain, strata=["city"] * 4)
    assert [same.low, same.value, same.high] == pytest.approx([one.low, one.value, one.high])
    apart = statistics.compare_over_tasks([task] * 4, statistics.mean_gain, strata=["city", "leo", "city", "sea"])
    ratio = np.sqrt(0.5**2 + 0.25**2 + 0.25**2)  # of the three strata, one has two of the tasks
    assert apart.high - apart.low == pytest.approx(ratio * (one.high - one.low), rel=0.1)
    with pytest.raises(ValueError, match="of 20 and 21 seeds"):
        statistics.compare_over_tasks([task, (np.ones((1, 21)), np.ones((1, 21)))], strata=["city", "city"])

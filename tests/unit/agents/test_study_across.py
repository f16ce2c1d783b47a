# SPDX-License-Identifier: GPL-2.0-only
"""What several studies say together, from reports made up by hand and from those that the project carries."""

import csv
import json

import pytest
from typer.testing import CliRunner

from agents.cli import app
from agents.evidence.across import ALL, BEST_BASELINE, compare
from agents.evidence.folder import PLAN, UTILITIES, write_rows
from agents.evidence.plan import FOLDER
from agents.evidence.scores import read_utilities
from agents.evidence.statistics import estimate

REPORTS = sorted(folder.parent for folder in FOLDER.glob("*/" + PLAN))


@pytest.fixture
def write_study(tmp_path):
    def write(name, utilities, *, scenario="tiny", params=None, seeds_from=1, steps=100):
        """`utilities`: (policy, kind) -> utilities of its runs on the same held-out seeds."""
        folder = tmp_path / name
        folder.mkdir()
        trained = dict.fromkeys(policy for policy, kind in utilities if kind != "baseline")
        variants = []
        for policy in trained:
            runs = max(len(of_kind) for (other, _), of_kind in utilities.items() if other == policy)
            seeds = [*range(seeds_from, seeds_from + runs)]
            variants.append({"name": policy, "group": "algorithms", "settings": [], "seeds": seeds})
        held_out = {"episodes": len(next(iter(utilities.values()))[0]), "seeds_from": 0, "num_envs": 1}
        plan = {"params": params or {"of": name}, "variants": variants, "steps": steps} | held_out
        (folder / PLAN).write_text(json.dumps({"scenario": scenario, "plan": plan}))
        rows = [
            {"policy": policy, "kind": kind, "run": run, "seed": seed, "utility": utility}
            for (policy, kind), runs in utilities.items()
            for run, by_seed in enumerate(runs, start=1)
            for seed, utility in enumerate(by_seed)
        ]
        write_rows(folder / UTILITIES, rows)
        return folder

    return write


def found(rows, against, study, mode="greedy"):
    (row,) = [row for row in rows if (row["against"], row["study"], row["mode"]) == (against, study, mode)]
    return row


def test_each_study_and_all_of_them(write_study):
    first = write_study(
        "first",
        {
            ("mappo", "greedy"): [[3, 3], [3, 3]],
            ("ippo", "greedy"): [[2, 4]],
            ("random", "baseline"): [[0, 0]],
            ("wise", "baseline"): [[2, 2]],
        },
    )
    second = write_study(
        "second",
        {("mappo", "greedy"): [[1, 1]], ("mappo", "sampled"): [[4, 4]], ("wise", "baseline"): [[2, 2]]},
    )
    rows = compare([first, second])
    assert found(rows, "ippo", "first")["improvement"] == 0.5
    assert [row["study"] for row in rows if row["against"] == "ippo"] == ["first"]  # nothing to take a mean of
    assert found(rows, BEST_BASELINE, "first")["improvement"] == 1.0
    assert found(rows, BEST_BASELINE, "first")["utility_gain"] == 1.0  # over wise, not random
    assert found(rows, BEST_BASELINE, "second")["improvement"] == 0.0
    assert found(rows, BEST_BASELINE, ALL)["improvement"] == 0.5
    assert found(rows, BEST_BASELINE, ALL)["runs"] == 3
    assert found(rows, BEST_BASELINE, "second", "sampled")["utility_gain"] == 2.0
    everywhere = found(rows, BEST_BASELINE, ALL)
    assert [everywhere[f"utility_gain{end}"] for end in ("", "_ci95_low", "_ci95_high")] == [0.0, 0.0, 0.0]  # 1 and -1
    uncertain = found(rows, "ippo", "first")
    assert uncertain["utility_gain_ci95_low"] < uncertain["utility_gain"] == 0.0 < uncertain["utility_gain_ci95_high"]


def test_studies_of_one_task_are_taken_as_one(write_study):
    few = {("mappo", "greedy"): [[3, 3]], ("ippo", "greedy"): [[4, 1]], ("wise", "baseline"): [[2, 2]]}
    more = {("mappo", "greedy"): [[1, 1], [5, 5]], ("flat", "greedy"): [[0, 0], [0, 0]], ("wise", "baseline"): [[2, 2]]}
    first = write_study("first", few, params={"a": 1})
    second = write_study("second", more, params={"a": 1}, seeds_from=2)
    rows = compare([first, second])
    assert {row["study"] for row in rows} == {"first + second"}
    ippo = found(rows, "ippo", "first + second")
    assert (ippo["runs"], ippo["runs_against"]) == (3, 1)
    wins, ties = 3, 1  # 5 beats 4, and 3 and 5 beat 1
    assert ippo["improvement"] == pytest.approx((wins + ties / 2) / 6, abs=1e-4)
    assert found(rows, "flat", "first + second")["runs_against"] == 2
    assert found(rows, BEST_BASELINE, "first + second")["runs_against"] == 1


def test_studies_of_a_scenario_share_the_draws_of_its_held_out_seeds(write_study):
    utilities = {("mappo", "greedy"): [[1, 5, 2, 8, 3, 9]], ("wise", "baseline"): [[2, 3, 4, 5, 6, 7]]}
    first, second = (write_study(name, utilities) for name in ("first", "second"))
    other = write_study("other", utilities, scenario="echo")
    width = {}
    for name, folders in {"same": [first, second], "apart": [first, other]}.items():
        rows = compare(folders)
        of_one, of_all = (found(rows, BEST_BASELINE, study) for study in ("first", ALL))
        width[name] = of_all["utility_gain_ci95_high"] - of_all["utility_gain_ci95_low"]
        if name == "same":  # the second tells nothing that the first does not
            same = [key for key in of_all if key.startswith(("improvement", "utility_gain"))]
            assert {key: of_all[key] for key in same} == {key: of_one[key] for key in same}
    assert width["apart"] < 0.85 * width["same"]


def test_what_cannot_be_compared_is_refused(write_study, tmp_path):
    one = write_study("one", {("mappo", "greedy"): [[1]]}, params={"a": 1})
    same = write_study("same", {("mappo", "greedy"): [[1]]}, params={"a": 1})
    longer = write_study("longer", {("mappo", "greedy"): [[1]]}, params={"a": 1}, seeds_from=2, steps=200)
    other = write_study("other", {("ippo", "greedy"): [[1]]})
    with pytest.raises(ValueError, match="one and same are of one task.*mappo with training seed 1 would count twice"):
        compare([one, same])
    with pytest.raises(ValueError, match="one and longer are of one task.*steps: found 100 and 200, expected the same"):
        compare([one, longer])
    with pytest.raises(ValueError, match="first algorithms are ippo, mappo; expected one and the same"):
        compare([one, other])
    with pytest.raises(ValueError, match=r"has no plan\.json; expected a study's folder.*--report --out"):
        compare([tmp_path / "nothing"])


def test_the_reports_that_the_project_carries_can_be_compared():
    one_task = [folder for folder in REPORTS if folder.name.startswith("metaverse-city-comparison")]
    again = [FOLDER / f"metaverse-city-{plan}" for plan in ("quick", "ablations-more-seeds", "longer")]  # its seeds
    reports = [folder for folder in REPORTS if folder not in (*again, *one_task[1:])]
    rows = compare(reports)
    for folder in reports:
        with (folder / "results.csv").open(newline="") as stream:
            of_report = {row["policy"]: row for row in csv.DictReader(stream)}
        of_study = found(rows, "ippo", folder.name)
        expected = float(of_report["ippo (greedy)"]["improvement_of_reference"])
        assert of_study["improvement"] == pytest.approx(expected, abs=1e-4)
    as_one = found(compare(one_task), "ippo", " + ".join(folder.name for folder in one_task))
    assert (as_one["runs"], as_one["runs_against"]) == (14, 14)
    for folder in again:
        with pytest.raises(ValueError, match=f"{folder.name} are of one task"):
            compare([one_task[0], folder])


@pytest.mark.parametrize("folder", REPORTS, ids=lambda folder: folder.name)
def test_utilities_of_the_reports_that_the_project_carries_are_those_of_their_tables(folder):
    utilities = read_utilities(folder)
    with (folder / "results.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if int(row["runs"]) > 1]
    page = (folder / "index.html").read_text()
    for row in rows:
        now = estimate(utilities[row["policy"]].utility)
        reported = [float(row[f"utility_iqm{end}"]) for end in ("", "_ci95_low", "_ci95_high")]
        assert reported == pytest.approx([now.value, now.low, now.high])
        assert f"<td>{row['policy']}</td><td>{row['runs']}</td><td>{now.value:.3f} ({now.low:.3f} .. " in page


def test_the_command_prints_a_block_for_each_policy_or_rows():
    reports = [str(FOLDER / f"metaverse-city-{plan}") for plan in ("comparison", "cooperative")]
    shown = CliRunner().invoke(app, ["compare", *reports], catch_exceptions=False).output
    assert "Probability that a run of mappo does better" in shown
    block = shown.partition("ippo")[2].splitlines()[1:7]
    assert [line.split()[0] for line in block[::2]] == ["metaverse-city-comparison", "metaverse-city-cooperative", ALL]
    rows = json.loads(CliRunner().invoke(app, ["compare", *reports, "--json"], catch_exceptions=False).output)
    together = found(rows, "ippo", ALL)
    assert f"{together['improvement']:.2f} (" in block[4]
    assert block[5].split()[0] == f"{1e3 * together['utility_gain']:+.1f}"

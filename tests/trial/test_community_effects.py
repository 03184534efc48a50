"""Community tests of a whole trial: who is compared, on what, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from trial_designs import make_design, make_profile, sample_ids

from vagus.design.model import Event
from vagus.errors import VagusError
from vagus.trial.baseline_residual import residual
from vagus.trial.community_effects import TESTS, community_effects
from vagus.trial.community_rows import COLUMNS

ARMS = ("placebo",) * 9 + ("probiotic",) * 8 + ("fibre",) * 7
SITES = [{"site": "ab"[i % 2]} for i in range(24)]


def counts(design, seed=0, features=12):
    ids = sample_ids(design)
    rng = np.random.default_rng(seed)
    return make_profile(rng.poisson(20 * np.exp(rng.normal(size=(len(ids), features)))), ids)


def run(profile, design, **more):
    return community_effects(profile, design, **{"permutations": 99, **more})


def test_two_visits_and_two_arms():
    design = make_design(arms=ARMS[:17])
    found = run(counts(design), design)
    beta = found.beta
    assert list(beta.columns) == COLUMNS
    assert set(beta["contrast"]) == {"probiotic vs placebo"}
    assert set(zip(beta["test"], beta["distance"], strict=True)) == {
        *[(t, "aitchison") for t in ("change", "residual", "dispersion", "within")],
        *[
            (t, d)
            for t in ("interaction", "dispersion", "within")
            for d in ("bray_curtis", "robust_aitchison")
        ],
    }
    assert (beta["status"] == "ok").all()
    assert beta["p_value"].between(0.01, 1).all()
    assert (beta["n_arm"] == 8).all()
    assert (beta["n_reference"] == 9).all()
    assert (beta["scheme"] == "arms permuted among participants; 99 random of 24,310 arrangements").all()
    shifts = beta[beta["test"] == "within"]
    assert shifts[["median_arm", "median_reference", "estimate", "ci_low", "ci_high"]].notna().all(axis=None)
    assert beta.loc[beta["test"] != "within", "r2"].between(0, 1).all()


def test_three_arms_and_three_visits_inside_strata():
    design = make_design(arms=ARMS, visits=("v1", "v2", "v3"), strata=("site",), covariates=SITES)
    beta = run(counts(design), design).beta
    assert list(beta["contrast"].unique()) == ["all arms", "probiotic vs placebo", "fibre vs placebo"]
    change = beta[beta["test"] == "change"]
    assert list(change["visit"].unique()) == ["v2", "v3"]
    assert list(change["df"]) == [2, 1, 1] * 2
    # Intercept and one dummy of the site are taken from the residual.
    assert list(change["df_residual"]) == [20, 14, 13] * 2
    assert change["scheme"].str.contains("inside strata of site; 99 random of").all()
    joint = beta[(beta["test"] == "interaction") & (beta["visit"] == "all")]
    assert set(joint["distance"]) == {"aitchison", "bray_curtis", "robust_aitchison"}
    assert set(beta.loc[beta["test"] == "volatility", "visit"]) == {"after baseline", "all"}
    omnibus = beta[(beta["test"] == "within") & (beta["contrast"] == "all arms")]
    assert (omnibus["note"] == "F of ranks inside strata").all()


def test_one_row_per_participant_whoever_missed_a_visit():
    design = make_design(arms=ARMS[:17], visits=("v1", "v2", "v3"))
    profile = counts(design)
    kept = [s for s in profile.samples if s not in ("P0_v1", "P1_v2", "P9_v3")]
    beta = run(profile.subset(kept), design, tests=["change", "interaction", "volatility"]).beta
    change = beta[beta["test"] == "change"].set_index("visit")
    assert change.loc["v2", ["n_arm", "n_reference"]].tolist() == [8, 7]
    assert change.loc["v3", ["n_arm", "n_reference"]].tolist() == [7, 8]
    joint = beta[(beta["visit"] == "all") & (beta["test"] == "interaction")]
    assert joint[["n_arm", "n_reference"]].drop_duplicates().to_numpy().tolist() == [[7, 7]]


def test_a_strong_arm_is_found_by_every_test_of_location():
    design = make_design(arms=("placebo",) * 10 + ("probiotic",) * 10)
    profile = counts(design)
    table = profile.table.toarray()
    treated = [i for i, s in enumerate(profile.samples) if int(s[1:].split("_")[0]) > 9 and s.endswith("v2")]
    table[:5, treated] *= 30
    beta = run(make_profile(table.T, profile.samples), design, permutations=999).beta
    location = beta[beta["test"].isin(["change", "residual", "interaction"])]
    assert (location["p_value"] < 0.01).all()


def test_the_same_seed_gives_the_same_p_and_the_order_of_samples_does_not_matter():
    design = make_design(arms=ARMS[:17])
    profile = counts(design)
    first = run(profile, design, tests=["change", "within"]).beta
    turned = profile.subset(profile.samples[::-1])
    again = run(turned, design, tests=["change", "within"]).beta
    pd.testing.assert_frame_equal(first, again, check_exact=False, rtol=1e-6)


def test_distance_tables_are_tested_by_arm_and_visit():
    design = make_design(arms=ARMS[:17])
    profile = counts(design)
    ids = profile.samples
    square = squareform(pdist(np.random.default_rng(3).normal(size=(len(ids), 4)), "cityblock"))
    table = pd.DataFrame(square, ids, ids)
    beta = run(profile, design, tables={"weighted_unifrac": table, "aitchison": table}).beta
    assert ("interaction", "weighted_unifrac") in set(zip(beta["test"], beta["distance"], strict=True))
    # Aitchison comes from the profile itself, which has the coordinates that `change` needs.
    assert len(beta[(beta["test"] == "change") & (beta["distance"] == "aitchison")]) == 1
    with pytest.raises(VagusError, match="table of unifrac distances is not square"):
        run(profile, design, tables={"unifrac": table.iloc[1:]})


@pytest.mark.parametrize("strategy", ["treatment_policy", "hypothetical", "while_on_treatment"])
def test_every_distance_handles_an_event_as_the_plan_asks(strategy):
    design = make_design(arms=ARMS[:17], visits=("v1", "v2", "v3"))
    design.plan["estimand"]["intercurrent_events"] = [{"event": "antibiotics", "strategy": strategy}]
    design.events = [Event("P3", "v3", "antibiotics")]
    ids = sample_ids(design)
    square = squareform(pdist(np.random.default_rng(3).random((len(ids), 3)), "cityblock"))
    found = run(counts(design), design, tables={"unifrac": pd.DataFrame(square, ids, ids)})
    last = found.trajectories.query("participant == 'P3' and visit == 'v3'").set_index("distance")
    before = found.trajectories.query("participant == 'P3' and visit == 'v2'").set_index("distance")
    metrics = {"aitchison", "bray_curtis", "robust_aitchison", "unifrac"}
    assert set(before.index) == metrics
    assert set(last.index) == (set() if strategy == "hypothetical" else metrics)
    if strategy == "while_on_treatment":
        # The last sample before the event stands for the one after it.
        assert last["to_previous"].to_numpy() == pytest.approx(0, abs=1e-6)
        assert last["to_baseline"].to_numpy() == pytest.approx(before["to_baseline"][last.index].to_numpy())
    n = found.beta.query("visit == 'v3' and test == 'within'").set_index("distance")["n_reference"]
    assert set(n) == {8 if strategy == "hypothetical" else 9}


def test_stacked_rows_are_refused_with_the_reason():
    design = make_design()
    with pytest.raises(VagusError, match=r"'stacked', which asks for .* 65 of 100 .* use 'change'"):
        run(counts(design), design, tests=["change", "stacked"])
    with pytest.raises(VagusError, match=f"'adonis'; allowed: {', '.join(TESTS)}"):
        run(counts(design), design, tests=["adonis"])


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"reference": None}, "no control arm"),
        ({"design": "crossover"}, "it needs two arms, one of them the reference, in two periods"),
        ({"can_compare_arms": False}, "fewer than two arms"),
    ],
)
def test_without_a_comparison_the_courses_are_still_there(more, reason, capsys):
    design = make_design(**more)
    found = run(counts(design), design)
    assert not len(found.beta)
    assert list(found.beta.columns) == COLUMNS
    assert reason in capsys.readouterr().out
    assert len(found.trajectories) == 3 * 16
    assert len(found.ordination) == 3 * 16


def test_scores_are_no_community():
    design = make_design()
    ids = sample_ids(design)
    found = run(make_profile(np.ones((len(ids), 2)), ids, "amplicon.diversity", "score"), design)
    assert (len(found.beta), len(found.trajectories), len(found.ordination)) == (0, 0, 0)


def test_other_kinds_have_their_own_scale():
    design = make_design()
    profile = counts(design)
    values = profile.table.toarray().T
    genes = make_profile(values, profile.samples, "shotgun.module", "copies_per_genome", transform="log2")
    beta = run(genes, design).beta
    assert set(beta["distance"]) == {"euclidean_log2"}
    assert set(beta["test"]) == {"change", "residual", "dispersion", "within"}
    share = make_profile(values / values.sum(axis=1, keepdims=True), profile.samples, kind="relative")
    assert set(run(share, design).beta["distance"]) == {"aitchison", "bray_curtis", "robust_aitchison"}


def test_few_participants_are_said_to_be_few():
    design = make_design(arms=("placebo",) * 2 + ("probiotic",) * 2)
    beta = run(counts(design), design, tests=["change", "within"]).beta.set_index(["test", "distance"])
    row = beta.loc[("change", "aitchison")]
    assert (row["permutations"], row["note"]) == (6, "6 arrangements: p cannot be below 0.17")
    assert row["scheme"].endswith("all 6 arrangements")
    assert beta.loc[("within", "aitchison"), "note"] == "too few arrangements for an interval"


def test_a_missing_stratum_leaves_its_participant_out():
    covariates = [dict(c) for c in SITES[:17]]
    covariates[2]["site"] = None
    design = make_design(arms=ARMS[:17], strata=("site",), covariates=covariates)
    row = run(counts(design), design, tests=["change"]).beta.iloc[0]
    assert (row["n_reference"], row["note"]) == (8, "1 left out for a missing stratum or covariate")


def test_residual_takes_one_slope_per_feature_out_and_knows_no_arm():
    rng = np.random.default_rng(1)
    start = rng.normal(size=(30, 3))
    start[:, 2] = 1.0
    site = (np.arange(30) % 2)[:, None].astype(float)
    end = start * [0.5, -2.0, 1.0] + site + rng.normal(size=(30, 3)) * 0.1
    rows = residual(start, end, site)
    for j in range(2):
        fit = np.linalg.lstsq(np.column_stack([np.ones(30), site, start[:, j]]), end[:, j], rcond=None)[0]
        assert end[:, j] - rows[:, j] == pytest.approx(fit[2] * (start[:, j] - start[:, j].mean()))
    assert rows[:, 2] == pytest.approx(end[:, 2])

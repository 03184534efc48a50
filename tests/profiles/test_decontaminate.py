"""Contaminants are found, the rest is left alone, and every read is accounted for."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from vagus.design.model import Design, Sample, write_design
from vagus.errors import VagusError
from vagus.ledger import check_ledger, read_ledger
from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles.decontaminate import (
    RANKS,
    combine_tests,
    find_contaminants,
    frequency_test,
    main,
    prevalence_test,
    remove_contaminants,
)


def make(values, samples=None) -> Profile:
    values = np.array(values, dtype=float)
    features = [f"f{i}" for i in range(values.shape[0])]
    samples = samples or [f"s{i}" for i in range(values.shape[1])]
    return Profile("amplicon.asv", sparse.csr_array(values), features, samples, {}, {"kind": "counts"})


def simulate(seed=1, n_samples=40, n_negatives=6, n_real=60, n_bad=10, bad_mass=1.0):
    """Samples of varying biomass; contaminants come at a constant mass, and alone make up the negatives."""
    rng = np.random.default_rng(seed)
    biomass = rng.lognormal(3, 1, n_samples)
    community = rng.dirichlet(np.full(n_real, 0.5), n_samples).T * biomass
    bad = rng.dirichlet(np.full(n_bad, 5), n_samples + n_negatives).T * bad_mass
    mass = np.zeros((n_real + n_bad, n_samples + n_negatives))
    mass[:n_real, :n_samples] = community
    mass[n_real:] = bad
    # Cross-talk: now and then a true feature is seen in a negative.
    mass[:n_real, n_samples:] = (rng.random((n_real, n_negatives)) < 0.05) * 0.01
    counts = np.column_stack([rng.multinomial(20000, column / column.sum()) for column in mass.T])
    profile = make(counts)
    types = {s: "stool" if i < n_samples else "negative" for i, s in enumerate(profile.samples)}
    dna = {s: float(mass[:, i].sum()) if i < n_samples else None for i, s in enumerate(profile.samples)}
    return profile, types, dna, n_real


def test_prevalence_equals_r_prop_test_and_mid_p_fisher() -> None:
    # prop.test(matrix(c(15,20,10,80),2), alternative = "greater") and (c(8,60,22,60),2)
    p = prevalence_test(np.array([15]), 25, np.array([20]), 100)
    assert p[0] == pytest.approx(9.3824255383e-05, rel=1e-8)
    p = prevalence_test(np.array([8]), 30, np.array([60]), 120)
    assert p[0] == pytest.approx(0.981744684725, rel=1e-8)
    # fisher.test less half of the table's own probability: matrix(c(3,2,1,20),2) and (c(0,5,4,10),2)
    p = prevalence_test(np.array([3]), 4, np.array([2]), 22)
    assert p[0] == pytest.approx(0.00735785953177, rel=1e-8)
    p = prevalence_test(np.array([0]), 4, np.array([5]), 15)
    assert p[0] == pytest.approx(0.870872033024, rel=1e-8)


def test_prevalence_edges() -> None:
    p = prevalence_test(np.array([0, 1, 0, 3]), 3, np.array([0, 0, 1, 10]), 10)
    assert np.isnan(p[:3]).all(), "seen in fewer than two libraries: no score"
    assert p[3] == 0.5, "seen everywhere says nothing"
    assert np.isnan(prevalence_test(np.array([0, 0]), 0, np.array([5, 2]), 9)).all()


def test_frequency_equals_r_linear_models() -> None:
    # pf(SS1/SS0, 4, 4) of lm(log(f) ~ offset(-log(c))) and lm(log(f) ~ 1), c = 1, 2, 4, 8, 16
    shares = np.array([[0.4, 0.22, 0.09, 0.06, 0.02], [0.1, 0.11, 0.09, 0.12, 0.1]])
    table = sparse.csr_array(np.vstack([shares, 1 - shares.sum(axis=0)]))
    p = frequency_test(table, np.array([1.0, 2, 4, 8, 16]))
    assert p[0] == pytest.approx(0.00103004235556, rel=1e-8)
    assert p[1] == pytest.approx(0.99973321759, rel=1e-8)


def test_frequency_needs_two_samples_with_the_feature() -> None:
    table = sparse.csr_array(np.array([[5, 0, 0], [5, 10, 10], [0, 0, 0]], dtype=float))
    p = frequency_test(table, np.array([1.0, 2, 3]))
    assert np.isnan(p[0])
    assert np.isnan(p[2])
    assert p[1] > 0.1


def test_combination_is_fishers_method_and_one_test_stands_alone() -> None:
    p = combine_tests(np.array([0.01, np.nan, 0.2, np.nan]), np.array([0.2, 0.03, np.nan, np.nan]))
    assert p[0] == pytest.approx(stats.combine_pvalues([0.01, 0.2], method="fisher").pvalue)
    assert p[1:3].tolist() == [0.03, 0.2]
    assert np.isnan(p[3])
    assert combine_tests(np.array([0.0]), np.array([0.5]))[0] < 1e-200


@pytest.mark.parametrize(
    # A little contamination is missing from many samples; much of it is everywhere and only its share tells.
    ("method", "bad_mass"),
    [("prevalence", 0.005), ("frequency", 1.0), ("combined", 0.005), ("combined", 1.0)],
)
def test_simulated_contaminants_are_found_and_the_community_kept(method, bad_mass) -> None:
    profile, types, dna, n_real = simulate(bad_mass=bad_mass)
    frame, notes = find_contaminants(profile, types, dna, method, 0.1)
    called = frame["contaminant"].to_numpy()
    assert not notes
    assert called[n_real:].mean() >= 0.9
    assert called[:n_real].mean() <= 0.05


@pytest.mark.parametrize("method", ["prevalence", "frequency", "combined"])
def test_without_contaminants_nothing_is_called(method) -> None:
    # The negatives hold a random draw of the same communities, and the DNA concentration is unrelated.
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(5):
        counts = rng.poisson(rng.gamma(0.5, 8, (100, 46)))
        profile = make(counts)
        types = {s: "negative" if i >= 40 else "stool" for i, s in enumerate(profile.samples)}
        dna = {s: float(rng.lognormal(3, 1)) for s in profile.samples}
        frame, _ = find_contaminants(profile, types, dna, method, 0.01)
        called += int(frame["contaminant"].sum())
    assert called <= 0.025 * 500


def test_what_cannot_be_tested_is_said() -> None:
    profile, types, dna, _ = simulate(n_negatives=0)
    frame, notes = find_contaminants(profile, types, dict.fromkeys(dna), "combined", 0.1)
    assert notes == [
        "prevalence test skipped: no negative control with reads",
        "frequency test skipped: fewer than two samples with reads and a dna_conc above 0",
    ]
    assert not frame["contaminant"].any()
    assert frame["reason"].str.contains("no negative control with reads").all()
    assert frame["prevalence_in_negatives"].isna().all()
    same = dict.fromkeys(dna, 7.0)
    assert "the same in all" in find_contaminants(profile, types, same, "frequency", 0.1)[1][0]
    some = {s: v if i % 2 else None for i, (s, v) in enumerate(dna.items())}
    assert find_contaminants(profile, types, some, "frequency", 0.1)[1] == [
        "frequency test without 20 samples that have no dna_conc above 0"
    ]
    off, notes = find_contaminants(profile, types, dna, "none", 0.1)
    assert not off["contaminant"].any()
    assert notes == ["decontam.method is none: nothing was tested"]


def test_combined_falls_back_on_the_test_that_can_be_made() -> None:
    profile, types, dna, n_real = simulate(bad_mass=0.005)
    alone, _ = find_contaminants(profile, types, dna, "prevalence", 0.1)
    frame, notes = find_contaminants(profile, types, dict.fromkeys(dna), "combined", 0.1)
    assert "frequency test skipped" in notes[0]
    assert frame["contaminant"].equals(alone["contaminant"])
    assert frame["reason"].iloc[n_real].startswith("in 6/6 negatives and")


def test_order_of_samples_and_features_changes_nothing() -> None:
    profile, types, dna, _ = simulate()
    rng = np.random.default_rng(3)
    rows, cols = rng.permutation(len(profile.features)), rng.permutation(len(profile.samples))
    shuffled = Profile(
        profile.name,
        profile.table[rows][:, cols],
        [profile.features[i] for i in rows],
        [profile.samples[i] for i in cols],
        {},
        profile.meta,
    )
    one, _ = find_contaminants(profile, types, dna, "combined", 0.1)
    two, _ = find_contaminants(shuffled, types, dna, "combined", 0.1)
    pd.testing.assert_frame_equal(one, two.set_index("feature").loc[one["feature"]].reset_index(), rtol=1e-9)


def test_removal_accounts_for_every_read() -> None:
    profile = make([[5, 0, 7, 9], [1, 4, 0, 9], [0, 0, 0, 3]], ["a", "b", "neg", "mock"])
    types = {"a": "stool", "b": "stool", "neg": "negative", "mock": "mock"}
    clean, rows = remove_contaminants(profile, {"f1"}, types)
    assert (clean.samples, clean.features) == (["a"], ["f0"])
    by = {r["sample"]: r for r in rows}
    assert (by["a"]["reads_in"], by["a"]["reads_out"], by["a"]["lost"]) == (6, 5, 1)
    assert (by["b"]["reads_out"], by["b"]["status"]) == (0, "empty")
    assert by["b"]["reason"] == "all reads were of contaminants"
    assert (by["neg"]["reads_out"], by["mock"]["reads_out"]) == (7, 21), "controls keep their reads"
    assert {r["run"] for r in rows} == {"all"}
    check_ledger(pd.DataFrame(rows))


def test_bad_settings_are_refused() -> None:
    profile, types, dna, _ = simulate(n_samples=5)
    with pytest.raises(VagusError, match=r"decontam\.method is 'magic'; allowed: none, prevalence"):
        find_contaminants(profile, types, dna, "magic", 0.1)
    with pytest.raises(VagusError, match=r"decontam\.threshold is 3; allowed: 0 to 1"):
        find_contaminants(profile, types, dna, "prevalence", 3)


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (2, 1)])
def test_empty_tables_and_one_sample_pass(shape) -> None:
    profile = make(np.ones(shape))
    types = dict.fromkeys(profile.samples, "stool")
    frame, _ = find_contaminants(profile, types, {}, "combined", 0.1)
    clean, rows = remove_contaminants(profile, set(), types)
    assert len(frame) == shape[0]
    assert len(rows) == shape[1]
    assert clean.samples == (profile.samples if shape[0] else [])


def write_inputs(folder, profile, types, taxonomy_features=None):
    write_profile(profile, folder / "asv_counts.biom")
    samples = [
        Sample(s, "p" if t == "stool" else None, "v" if t == "stool" else None, "amplicon", t)
        for s, t in types.items()
    ]
    write_design(
        Design({"arms": ["A"], "visits": ["v"], "baseline": "v"}, [], samples), folder / "design.json"
    )
    rows = [
        [f, "Bacteria", "Firmicutes", "", "", "", "", ""] for f in (taxonomy_features or profile.features)
    ]
    pd.DataFrame(rows, columns=["feature", *RANKS]).to_csv(folder / "taxonomy.tsv", sep="\t", index=False)
    outputs = [str(folder / n) for n in ("decontam.tsv", "ledger.tsv", "amplicon.asv.biom")]
    return [str(folder / n) for n in ("asv_counts.biom", "design.json", "taxonomy.tsv")] + outputs


def test_step_writes_table_ledger_and_profile(tmp_path, capsys) -> None:
    profile, types, _, _ = simulate(bad_mass=0.005)
    main(*write_inputs(tmp_path, profile, types), "prevalence", 0.1)
    frame = pd.read_csv(tmp_path / "decontam.tsv", sep="\t")
    clean = read_profile(tmp_path / "amplicon.asv.biom")
    ledger = read_ledger(tmp_path / "ledger.tsv")
    check_ledger(ledger)
    assert set(frame["taxon"]) == {"Firmicutes"}
    assert frame["contaminant"].iloc[0], "contaminants stand first"
    assert len(clean.samples) == 40
    assert not set(frame.loc[frame["contaminant"], "feature"]) & set(clean.features)
    assert clean.taxonomy[clean.features[0]] == ["Bacteria", "Firmicutes", "", "", "", "", ""]
    assert (
        ledger.set_index("sample").loc[clean.samples, "reads_out"].tolist()
        == clean.table.sum(axis=0).tolist()
    )
    assert clean.meta["decontam"]["features_removed"] == frame["contaminant"].sum()
    assert "features are contaminants" in capsys.readouterr().out


def test_step_names_what_is_missing(tmp_path) -> None:
    profile, types, _, _ = simulate(n_samples=4)
    with pytest.raises(VagusError, match=r"taxonomy\.tsv: no row for feature f1 \(69 missing\)"):
        main(*write_inputs(tmp_path, profile, types, ["f0"]), "prevalence", 0.1)
    del types["s2"]
    with pytest.raises(VagusError, match="sample s2 is not in the design"):
        main(*write_inputs(tmp_path, profile, types), "prevalence", 0.1)

"""Diversity by hand, by scikit-bio, and under rarefaction."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from skbio import TreeNode
from skbio.diversity import alpha_diversity

from vagus.design.model import Design, write_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile, write_profile
from vagus.profiles.diversity import alpha_values, diversity_profile, main, rarefy_profile

TREE = "((a:1,b:2):3,(c:4,d:5):6);"


def make(values, samples=None) -> Profile:
    values = np.array(values, dtype=float)
    features = list("abcdefghijklmnopqrstuvwxyz")[: values.shape[0]]
    samples = samples or [f"s{i}" for i in range(values.shape[1])]
    return Profile("amplicon.asv", sparse.csr_array(values), features, samples, {}, {"kind": "counts"})


@pytest.fixture
def tree(tmp_path) -> Path:
    path = tmp_path / "tree.nwk"
    path.write_text(TREE)
    return path


def test_values_by_hand(tree) -> None:
    profile = make([[2, 5, 0], [2, 0, 0], [4, 0, 0], [0, 0, 0]], ["even", "one", "none"])
    result = diversity_profile(profile, tree)
    frame = result.to_frame()
    assert list(frame.index) == ["even", "one"]
    assert result.meta["left_out"] == {"none": "no reads"}
    shannon = -(0.5 * np.log(0.25) + 0.5 * np.log(0.5))
    assert frame.loc["even"].tolist() == pytest.approx([3, shannon, 1 - 0.375, shannon / np.log(3), 16])
    assert frame.loc["one", ["observed", "shannon", "simpson", "faith_pd"]].tolist() == [1, 0, 0, 4]
    assert (result.kind, result.name, result.meta["units"]["shannon"]) == (
        "score",
        "amplicon.diversity",
        "nats",
    )


def test_equal_to_scikit_bio_on_dense_tables(tmp_path) -> None:
    rng = np.random.default_rng(0)
    profile = make(rng.poisson(rng.gamma(0.3, 20, (26, 600))))
    # An unrooted tree with three branches at the top, as FastTree writes it.
    names = profile.features
    newick = f"({names[0]}:1,({','.join(f'{n}:{i + 1}' for i, n in enumerate(names[1:9]))}):2,"
    newick += f"({','.join(f'{n}:0.5' for n in names[9:])}):1.5);"
    (tmp_path / "t.nwk").write_text(newick)
    result = diversity_profile(profile, tmp_path / "t.nwk").to_frame()
    dense = profile.table.toarray().T.astype(int)
    for ours, theirs in {
        "observed": "sobs",
        "shannon": "shannon",
        "simpson": "simpson",
        "pielou": "pielou_e",
    }.items():
        np.testing.assert_allclose(result[ours], alpha_diversity(theirs, dense).to_numpy(), rtol=1e-12)
    rooted = TreeNode.read([newick]).root_at_midpoint()
    expected = alpha_diversity("faith_pd", dense, taxa=names, tree=rooted, validate=False)
    np.testing.assert_allclose(result["faith_pd"], expected.to_numpy(), rtol=1e-12)


def test_order_of_samples_and_features_changes_nothing(tree) -> None:
    rng = np.random.default_rng(1)
    profile = make(rng.poisson(30, (4, 7)))
    rows, cols = rng.permutation(4), rng.permutation(7)
    turned = Profile(
        profile.name,
        profile.table[rows][:, cols],
        [profile.features[i] for i in rows],
        [profile.samples[i] for i in cols],
        {},
        profile.meta,
    )
    for depth in (None, 50):
        one = diversity_profile(profile, tree, depth, seed=4).to_frame()
        two = diversity_profile(turned, tree, depth, seed=4).to_frame().loc[one.index]
        np.testing.assert_allclose(one, two, rtol=1e-12)


def test_rarefaction_draws_the_depth_and_depends_on_the_seed_only() -> None:
    rng = np.random.default_rng(2)
    profile = make(rng.poisson(20, (20, 5)))
    profile.table = sparse.csr_array(sparse.hstack([profile.table, np.ones((20, 1))]))
    profile.samples = [*profile.samples, "shallow"]
    one = rarefy_profile(profile, 100, seed=1)
    assert one.samples == profile.samples[:-1]
    assert set(one.table.sum(axis=0)) == {100.0}
    assert (one.table.toarray() <= profile.table[:, :5].toarray()).all()
    assert np.array_equal(one.table.toarray(), rarefy_profile(profile, 100, seed=1).table.toarray())
    assert not np.array_equal(one.table.toarray(), rarefy_profile(profile, 100, seed=2).table.toarray())
    fewer = rarefy_profile(profile.subset(["s3"], drop_absent=False), 100, seed=1)
    assert np.array_equal(fewer.table.toarray()[:, 0], one.table.toarray()[:, 3])
    left = diversity_profile(profile, None, 100, 1).meta["left_out"]
    assert left == {"shallow": "20 reads, fewer than diversity.depth 100"}


def test_rarefied_richness_has_the_hypergeometric_mean() -> None:
    counts = np.array([50, 30, 10, 5, 3, 1, 1])
    profile = make(np.tile(counts[:, None], (1, 2000)))
    seen = (rarefy_profile(profile, 20, seed=9).table > 0).sum(axis=0)
    from scipy.stats import hypergeom

    expected = (1 - hypergeom.pmf(0, 100, counts, 20)).sum()
    assert seen.mean() == pytest.approx(expected, abs=0.1)


def test_nothing_left_one_sample_and_refusals(tree, tmp_path) -> None:
    assert diversity_profile(make(np.zeros((4, 2))), tree).table.shape == (5, 0)
    assert diversity_profile(make(np.zeros((0, 0))), tree).table.shape == (5, 0)
    assert diversity_profile(make([[3], [1], [0], [0]]), None, 100).table.shape == (4, 0)
    assert diversity_profile(make([[3], [1], [0], [0]]), tree).to_frame()["observed"].tolist() == [2]
    assert np.isnan(alpha_values(make([[0.0]]))).all()
    with pytest.raises(VagusError, match="depth is 0; allowed: none or a positive"):
        diversity_profile(make([[1]]), None, 0)
    with pytest.raises(VagusError, match="1 of 5 features are not tips of the tree, the first being e"):
        diversity_profile(make([[1]] * 5), tree)
    (tmp_path / "bad.nwk").write_text("((a,b")
    with pytest.raises(VagusError, match="not a Newick tree"):
        diversity_profile(make([[1]]), tmp_path / "bad.nwk")
    scores = make([[1]])
    scores.meta["kind"] = "relative"
    with pytest.raises(VagusError, match="diversity needs counts"):
        diversity_profile(scores, None)


@pytest.mark.parametrize(("depth", "n"), [("none", 2), (8, 1)])
def test_step_writes_a_profile(tmp_path, tree, capsys, depth, n) -> None:
    write_profile(make([[2, 5], [2, 0], [4, 0], [0, 0]]), tmp_path / "amplicon.asv.biom")
    plan = {"arms": ["A"], "visits": ["v"], "baseline": "v", "seed": 3}
    write_design(Design(plan), tmp_path / "design.json")
    out = tmp_path / "amplicon.diversity.biom"
    main(str(tmp_path / "amplicon.asv.biom"), str(tmp_path / "design.json"), str(tree), str(out), depth)
    result = read_profile(out)
    assert result.features == ["observed", "shannon", "simpson", "pielou", "faith_pd"]
    assert len(result.samples) == n
    assert json.loads((tmp_path / "amplicon.diversity.meta.json").read_text())["kind"] == "score"
    assert ("sample s1 left out" in capsys.readouterr().out) == (n == 1)

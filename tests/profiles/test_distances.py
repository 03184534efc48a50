"""Distances by hand and against scipy and scikit-bio."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.spatial.distance import pdist, squareform
from skbio import TreeNode
from skbio.diversity import beta_diversity
from skbio.stats.composition import clr, rclr

from vagus.errors import VagusError
from vagus.profile import Profile, write_profile
from vagus.profiles.distances import METRICS, distance_matrix, main, robust_aitchison, robust_clr
from vagus.profiles.phylo import read_rooted_tree


def make(values, samples=None) -> Profile:
    values = np.array(values, dtype=float)
    features = [f"ASV_{i}" for i in range(values.shape[0])]
    samples = samples or [f"s{i}" for i in range(values.shape[1])]
    return Profile("amplicon.asv", sparse.csr_array(values), features, samples, {}, {"kind": "counts"})


def random_tree(names, seed=0) -> str:
    """A random binary tree whose top has three branches."""
    rng = np.random.default_rng(seed)
    nodes = [f"{n}:{rng.gamma(1, 0.1):.6f}" for n in names]
    while len(nodes) > 3:
        i, j = sorted(rng.choice(len(nodes), 2, replace=False))
        right, left = nodes.pop(j), nodes.pop(i)
        nodes.append(f"({left},{right}):{rng.gamma(1, 0.1):.6f}")
    return f"({','.join(nodes)});"


@pytest.fixture(scope="module")
def example(tmp_path_factory) -> tuple[Profile, Path]:
    rng = np.random.default_rng(7)
    profile = make(rng.poisson(rng.gamma(0.4, 30, (40, 25))))
    path = tmp_path_factory.mktemp("tree") / "tree.nwk"
    path.write_text(random_tree(profile.features))
    return profile, path


def test_bray_curtis_and_aitchison_by_hand() -> None:
    profile = make([[1, 20, 0], [1, 60, 5], [2, 0, 0]], ["a", "b", "c"])
    frame = distance_matrix(profile, "bray_curtis")
    # Shares: a = 1/4, 1/4, 1/2; b = 1/4, 3/4, 0; c = 0, 1, 0.
    assert frame.loc["a", "b"] == pytest.approx(0.5)
    assert frame.loc["a", "c"] == pytest.approx(0.75)
    assert frame.loc["b", "c"] == pytest.approx(0.25)
    frame = distance_matrix(make([[0, 1], [1, 0]]), "aitchison", pseudocount=1)
    # Log-ratios are -+ log(2)/2 and the other way round.
    assert frame.iloc[0, 1] == pytest.approx(np.sqrt(2) * np.log(2))


def test_aitchison_and_bray_curtis_equal_scikit_bio(example) -> None:
    profile, _ = example
    dense = profile.table.toarray().T
    ours = distance_matrix(profile, "aitchison", pseudocount=0.5).to_numpy()
    np.testing.assert_allclose(ours, squareform(pdist(clr(dense + 0.5))), rtol=1e-10)
    shares = dense / dense.sum(axis=1, keepdims=True)
    expected = beta_diversity("braycurtis", shares).data
    np.testing.assert_allclose(distance_matrix(profile, "bray_curtis").to_numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("metric", ["unweighted_unifrac", "weighted_unifrac"])
def test_unifrac_equals_scikit_bio(example, metric) -> None:
    profile, path = example
    tree = read_rooted_tree(path)
    assert len(tree.children) == 2
    dense = profile.table.toarray().T.astype(int)
    expected = beta_diversity(metric, dense, taxa=profile.features, tree=tree).data
    np.testing.assert_allclose(distance_matrix(profile, metric, path).to_numpy(), expected, atol=1e-12)


def test_unifrac_by_hand(tmp_path) -> None:
    (tmp_path / "t.nwk").write_text("((ASV_0:1,ASV_1:2):3,ASV_2:4);")
    profile = make([[3, 0, 3], [1, 0, 1], [0, 4, 0]], ["a", "b", "c"])
    frame = distance_matrix(profile, "unweighted_unifrac", tmp_path / "t.nwk")
    assert frame.loc["a"].tolist() == [0, 1, 0]
    frame = distance_matrix(profile, "weighted_unifrac", tmp_path / "t.nwk")
    assert frame.loc["a", "b"] == pytest.approx(1 * 0.75 + 2 * 0.25 + 3 + 4)


def test_rooting_keeps_the_distances_between_tips(tmp_path) -> None:
    for newick in ("(a:1,b:1,c:1);", "(a:1,b:2,(c:1,d:1):1);", "(a:5,b:2,(c:1,d:1):1);", "(a:5,b:2);"):
        (tmp_path / "t.nwk").write_text(newick)
        tree = read_rooted_tree(tmp_path / "t.nwk")
        assert len(tree.children) <= 2
        before = TreeNode.read([newick]).cophenet()
        np.testing.assert_allclose(tree.cophenet().filter(before.ids).data, before.data)


def test_robust_clr_equals_scikit_bio(example) -> None:
    profile, _ = example
    ours = robust_clr(profile.table)
    theirs = rclr(profile.table.toarray().T)
    dense = np.full(ours.shape, np.nan)
    coords = ours.tocoo()
    dense[coords.coords] = coords.data
    np.testing.assert_allclose(dense, theirs, rtol=1e-10, atol=1e-12)


def low_rank_counts(seed=0, n=30, p=60, rank=3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logs = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p))
    return np.exp(logs - logs.mean(axis=1, keepdims=True)) * 1000


def test_robust_aitchison_is_aitchison_on_complete_low_rank_tables() -> None:
    counts = low_rank_counts()
    np.testing.assert_allclose(robust_aitchison(sparse.csr_array(counts.T)), pdist(clr(counts)), rtol=0.01)


def test_robust_aitchison_recovers_the_distances_behind_missing_entries() -> None:
    counts = low_rank_counts()
    truth = pdist(clr(counts))
    mask = np.random.default_rng(1).random(counts.shape) < 0.35
    holed = np.where(mask, 0, counts)
    ours = robust_aitchison(sparse.csr_array(holed.T))
    naive = pdist(np.nan_to_num(rclr(holed)))
    assert np.corrcoef(ours, truth)[0, 1] > 0.97
    assert np.corrcoef(ours, truth)[0, 1] > np.corrcoef(naive, truth)[0, 1]


@pytest.mark.parametrize("metric", METRICS)
def test_order_changes_nothing_and_matrix_is_a_distance(example, metric) -> None:
    profile, path = example
    rng = np.random.default_rng(8)
    rows, cols = rng.permutation(len(profile.features)), rng.permutation(len(profile.samples))
    turned = Profile(
        profile.name,
        profile.table[rows][:, cols],
        [profile.features[i] for i in rows],
        [profile.samples[i] for i in cols],
        {},
        profile.meta,
    )
    one = distance_matrix(profile, metric, path)
    two = distance_matrix(turned, metric, path).loc[one.index, one.columns]
    np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-7)
    assert (one.to_numpy() >= 0).all()
    assert np.array_equal(one, one.T)
    assert not np.diag(one).any()


@pytest.mark.parametrize("metric", ["robust_aitchison", "bray_curtis", "weighted_unifrac"])
def test_depth_plays_no_part(example, metric) -> None:
    profile, path = example
    deeper = Profile(profile.name, profile.table * 7, profile.features, profile.samples, {}, profile.meta)
    one, two = distance_matrix(profile, metric, path), distance_matrix(deeper, metric, path)
    np.testing.assert_allclose(one, two, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("metric", METRICS)
def test_identical_samples_are_at_zero_and_small_tables_pass(example, metric, tmp_path) -> None:
    _, path = example
    twins = make([[5, 5, 1], [3, 3, 0], [1, 1, 9], [0, 0, 2]])
    frame = distance_matrix(twins, metric, path)
    assert frame.iloc[0, 1] == pytest.approx(0, abs=1e-7)
    assert frame.iloc[0, 2] > 0.1
    assert distance_matrix(make([[5], [3]]), metric, path).shape == (1, 1)
    assert distance_matrix(make(np.zeros((0, 0))), metric, path).shape == (0, 0)
    assert list(distance_matrix(make([[5, 0], [3, 0]]), metric, path).index) == ["s0"], (
        "no reads, no distance"
    )
    assert distance_matrix(make([[5, 2]]), metric, path).shape == (2, 2)
    assert distance_matrix(make([[5, 2], [1, 1]]), metric, path).notna().all(axis=None)


def test_robust_aitchison_scales_to_many_samples() -> None:
    import time

    rng = np.random.default_rng(4)
    table = sparse.random_array((3000, 2000), density=0.03, rng=rng, format="csr")
    table.data = np.ceil(table.data * 500)
    start = time.perf_counter()
    distances = robust_aitchison(table, iterations=5)
    assert len(distances) == 2000 * 1999 // 2
    assert time.perf_counter() - start < 20


def test_refusals(example) -> None:
    profile, _ = example
    with pytest.raises(VagusError, match="has 'jaccard'; allowed: aitchison"):
        distance_matrix(profile, "jaccard")
    with pytest.raises(
        VagusError, match=r"weighted_unifrac, which needs a tree, but phylogeny\.method is none"
    ):
        distance_matrix(profile, "weighted_unifrac")
    with pytest.raises(VagusError, match="pseudocount is 0; allowed: above 0"):
        distance_matrix(profile, "aitchison", pseudocount=0)


def test_step_writes_a_square_table(example, tmp_path) -> None:
    profile, path = example
    write_profile(profile, tmp_path / "amplicon.asv.biom")
    out = tmp_path / "amplicon.distances" / "bray_curtis.tsv"
    main(str(tmp_path / "amplicon.asv.biom"), str(path), [str(out)], ["bray_curtis"], 0.5)
    frame = pd.read_csv(out, sep="\t", index_col="sample")
    assert list(frame.index) == list(frame.columns) == profile.samples
    np.testing.assert_allclose(frame, distance_matrix(profile, "bray_curtis"), atol=1e-9)

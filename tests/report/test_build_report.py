"""A small invented trial goes in; the page must tell its story, and tell what is missing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from vagus.ledger import ledger_row, write_ledger
from vagus.profile import Profile, write_profile
from vagus.report.build_report import embed, main
from vagus.report.load_results import load_results

GENERA = [
    "Bifidobacterium", "Bacteroides", "Faecalibacterium", "Blautia", "Roseburia", "Prevotella", "Akkermansia",
    "Ruminococcus", "Alistipes", "Lactobacillus", "Coprococcus", "Dialister", "unclassified Lachnospiraceae",
    "odd <b>genus</b> & \"co\"", "Collinsella", "Escherichia",
]  # fmt: skip
EVIL = "</script><script>alert(1)</script>"
SETTINGS: dict[str, Any] = {
    "reads": {"keep_untrimmed": False},
    "amplicon": {"engine": "dada2"},
    "taxonomy": {"method": "dada2", "min_confidence": 80},
    "phylogeny": {"method": "fasttree", "tree": ""},
    "decontam": {"method": "prevalence", "threshold": 0.1},
    "trial": {"min_prevalence": 0.2, "pseudocount": 0.5, "confidence": 0.95},
    "report": {"title": "Probiotic trial <pilot>"},
}


class Loads(HTMLParser):
    """Collects what a browser would fetch, and the ids and texts of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.scripts += tag == "script"
        if found.get("id"):
            self.ids.append(str(found["id"]))
        key = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}.get(tag)
        if key and found.get(key):
            self.fetched.append(str(found[key]))


def make_results(
    root: Path, n: int = 16, single_arm: bool = False, reads: bool = True, optional: bool = True
) -> Path:
    """Write a results folder of an invented trial with n participants per arm."""
    rng = np.random.default_rng(7)
    arms = ["probiotic"] if single_arm else ["placebo", "probiotic"]
    visits = ["baseline", "week8"]
    people = [f"P{i:03d}" for i in range(n * len(arms))]
    arm_of = {p: arms[i % len(arms)] for i, p in enumerate(people)}
    samples: list[dict[str, Any]] = [
        {"sample": f"{p}_{v}", "participant": p, "visit": v, "assay": "amplicon", "type": "stool", "dna_conc": None,
         "collected": "", "units": []}
        for p in people for v in visits
    ]  # fmt: skip
    for kind in ("negative", "mock"):
        samples.append({"sample": f"{kind}1", "participant": None, "visit": None, "assay": "amplicon", "type": kind,
                        "dna_conc": None, "collected": "", "units": []})  # fmt: skip
    design = {
        "plan": {
            "design": "single_arm" if single_arm else "parallel", "arms": arms,
            "reference_arm": None if single_arm else "placebo", "visits": visits, "baseline": "baseline",
            "primary_visit": "week8", "strata": ["sex"], "covariates": [],
            "estimand": {"population": "all randomised", "variable": "PHQ-9 at week 8",
                         "intercurrent_events": [{"event": "antibiotics", "strategy": "treatment_policy"}],
                         "summary": "difference of adjusted means"},
            "families": [{"name": "primary", "profiles": ["panel.clinical"], "control": "holm", "alpha": 0.05},
                         {"name": "genera", "profiles": ["amplicon.genus"], "control": "bh", "alpha": 0.05}],
            "responder": None, "seed": 1,
        },
        "participants": [{"participant": p, "arm": arm_of[p], "donor": "", "sequence": "", "consent_report": False,
                          "covariates": {}} for p in people],
        "samples": samples,
        "measures": [{"participant": people[0], "visit": "week8", "measure": "phq9", "value": 4.0,
                      "unit": "points", "lod": None}],
        "original_ids": {}, "notes": ["single arm: no control"] if single_arm else [],
        "can_compare_arms": not single_arm,
    }  # fmt: skip
    (root / "design").mkdir(parents=True)
    (root / "design" / "design.json").write_text(json.dumps(design))
    (root / "design" / "summary.txt").write_text("32 participants\n")
    stool = [s["sample"] for s in samples if s["type"] == "stool"]
    dead = stool[3] if len(stool) > 3 else ""
    _write_profiles(root, rng, [s for s in stool if s != dead], people, arm_of, visits)
    _write_trial(root, rng, arms, n)
    flow = [("participant", p, p, arm_of[p], "", "", "kept", "", "") for p in people]
    flow += [
        ("sample", s, s.split("_")[0], arm_of[s.split("_")[0]], s.split("_")[1], "amplicon",
         "lost" if s == dead else "kept", "filter" if s == dead else "",
         "no reads left after filter" if s == dead else "")
        for s in stool
    ]  # fmt: skip
    columns = ["level", "id", "participant", "arm", "visit", "assay", "status", "step", "reason"]
    pd.DataFrame(flow, columns=columns).to_csv(root / "profiles" / "flow.tsv", sep="\t", index=False)
    if reads:
        _write_reads(root, rng, [s["sample"] for s in samples], dead)
    if optional:
        (root / "amplicon").mkdir()
        curve = [float(x) for x in np.linspace(37, 24, 250)]
        (root / "amplicon" / "truncation.json").write_text(
            json.dumps({"trunc_len": [240, 160], "why": "longest reads with Q25 and 20 bases of overlap",
                        "quality": {"forward": curve, "reverse": curve[::-1]}})
        )  # fmt: skip
        pd.DataFrame({
            "feature": ["ASV_1", "ASV_2"], "p_prevalence": [0.001, 0.9], "p_frequency": [np.nan] * 2, "p": [0.001, 0.9],
            "prevalence_in_samples": [0.02, 0.8], "prevalence_in_negatives": [1.0, 0.0], "reads": [120, 90000],
            "contaminant": [True, False], "reason": ["more often in negatives than in samples", ""],
        }).to_csv(root / "profiles" / "decontam.tsv", sep="\t", index=False)  # fmt: skip
        pd.DataFrame({"sample": ["mock1"], "expected": [20], "found": [20], "false": [0]}).to_csv(
            root / "profiles" / "mock.tsv", sep="\t", index=False
        )
        pd.DataFrame({
            "profile": ["panel.clinical", "amplicon.genus", "amplicon.genus"],
            "feature": ["phq9", "Bifidobacterium", "Bacteroides"], "contrast": "probiotic vs placebo",
            "truth": [-3.0, 2.0, 0.0], "unit": ["points", "log2", "log2"],
        }).to_csv(root / "trial" / "truth.tsv", sep="\t", index=False)  # fmt: skip
    return root


def _write_profiles(
    root: Path,
    rng: np.random.Generator,
    stool: list[str],
    people: list[str],
    arm_of: dict[str, str],
    visits: list[str],
) -> None:
    base = np.exp(rng.normal(3.5, 1.6, len(GENERA)))
    own = {p: np.exp(rng.normal(0, 0.7, len(GENERA))) for p in people}
    counts = np.array(
        [rng.poisson(base * own[s.split("_")[0]] * np.exp(rng.normal(0, 0.3, len(GENERA)))) for s in stool]
    )
    for i, s in enumerate(stool):
        if arm_of[s.split("_")[0]] == "probiotic" and s.endswith("week8"):
            counts[i, 0] = counts[i, 0] * 5 + 20
    meta = {"kind": "counts", "unit": "reads", "engine": "dada2", "engine_version": "1.26.0", "reference": "RDP 19",
            "reference_sha256": "ab" * 32}  # fmt: skip
    for level, names in (("genus", GENERA), ("family", [f"F{i}" for i in range(len(GENERA))])):
        write_profile(
            Profile(
                f"amplicon.{level}", sparse.csr_array(counts.T.astype(float)), names, stool, {}, dict(meta)
            ),
            root / "profiles" / f"amplicon.{level}.biom",
        )
    share = counts / counts.sum(1, keepdims=True)
    shannon = -(share * np.log(np.where(share > 0, share, 1))).sum(1)
    diversity = np.vstack([(counts > 0).sum(1), shannon])
    write_profile(
        Profile("amplicon.diversity", sparse.csr_array(diversity), ["observed", "shannon"], stool, {},
                {**meta, "kind": "score"}),
        root / "profiles" / "amplicon.diversity.biom",
    )  # fmt: skip
    ids = [f"{p}|{v}" for p in people for v in visits]
    score = [
        14 + rng.normal(0, 3) - (4 if arm_of[i.split("|")[0]] == "probiotic" and "week8" in i else 0)
        for i in ids
    ]
    write_profile(
        Profile("panel.clinical", sparse.csr_array(np.array([score])), ["phq9"], ids, {}, {"kind": "score"}),
        root / "profiles" / "panel.clinical.biom",
    )
    logs = np.log(counts + 0.5)
    logs -= logs.mean(1, keepdims=True)
    square = np.sqrt(((logs[:, None] - logs[None]) ** 2).sum(-1))
    (root / "profiles" / "amplicon.distances").mkdir()
    pd.DataFrame(square, index=stool, columns=stool).to_csv(
        root / "profiles" / "amplicon.distances" / "aitchison.tsv", sep="\t"
    )


def _write_trial(root: Path, rng: np.random.Generator, arms: list[str], n: int) -> None:
    for kind in ("arm_effects", "within_arm"):
        (root / "trial" / kind).mkdir(parents=True)
    features = {"panel.clinical": (["phq9"], "points"), "amplicon.genus": (GENERA, "log2"),
                "amplicon.diversity": (["observed", "shannon"], "score")}  # fmt: skip
    for profile, (names, unit) in features.items():
        rows, changes = [], []
        for k, name in enumerate(names):
            estimate = {"phq9": -3.2, "Bifidobacterium": 2.1}.get(name, float(rng.normal(0, 0.3)))
            error = 0.4 if k else 1.05 if name == "phq9" else 0.35
            sure = name in ("phq9", "Bifidobacterium")
            rows.append([profile, name, "probiotic vs placebo", "week8", "treatment policy", "ANCOVA, HC3", n - 1, n,
                         estimate, error, 2 * n - 4, estimate - 2 * error, estimate + 2 * error,
                         0.0004 if sure else 0.4, 0.0041 if sure else 0.6, unit, 0.9, "ok"])  # fmt: skip
            for arm in arms:
                change = estimate if arm == "probiotic" else -0.4
                changes.append([profile, name, arm, "week8", n, 10.0, 10 + change, change, error, n - 1,
                                change - 2 * error, change + 2 * error, unit, "ok"])  # fmt: skip
        if profile == "amplicon.genus":
            rows.append([profile, "Rare", "probiotic vs placebo", "week8", "", "", 0, 0, *[np.nan] * 7, unit, 0.05,
                         "below min_prevalence"])  # fmt: skip
        names_effects = [
            "profile", "feature", "contrast", "visit", "estimand", "model", "n_arm", "n_reference", "estimate",
            "std_error", "df", "ci_low", "ci_high", "p_value", "q_value", "unit", "prevalence", "status",
        ]  # fmt: skip
        names_within = ["profile", "feature", "arm", "visit", "n", "mean_baseline", "mean_visit", "change",
                        "std_error", "df", "ci_low", "ci_high", "unit", "status"]  # fmt: skip
        kept = rows if len(arms) > 1 else []
        pd.DataFrame(kept, columns=names_effects).to_csv(
            root / "trial" / "arm_effects" / f"{profile}.tsv", sep="\t", index=False
        )
        pd.DataFrame(changes, columns=names_within).to_csv(
            root / "trial" / "within_arm" / f"{profile}.tsv", sep="\t", index=False
        )


def _write_reads(root: Path, rng: np.random.Generator, samples: list[str], dead: str) -> None:
    rows = []
    for sample in samples:
        left = int(rng.integers(3000, 12000)) if sample != dead else 40
        rows.append(ledger_row(sample, "run1", "raw", left, left))
        for step, keep in (
            ("primers", 0.97),
            ("phix", 0.999),
            ("filter", 0.85),
            ("denoise", 0.98),
            ("merge", 0.93),
        ):
            out = 0 if sample == dead and step in ("filter", "denoise", "merge") else int(left * keep)
            rows.append(ledger_row(sample, "run1", step, left, out))
            left = out
        for step, keep in (("chimera", 0.94), ("decontam", 0.999)):
            rows.append(ledger_row(sample, "all", step, left, int(left * keep)))
            left = int(left * keep)
    write_ledger(rows, root / "reads" / "ledger.tsv")


def build(root: Path, settings: dict[str, Any] = SETTINGS, files: list[str] | None = None) -> str:
    """Build the report of a results folder and return the page without plotly."""
    if files is None:
        files = [str(p) for p in root.rglob("*") if p.is_file()]
    page = root / "report" / "index.html"
    main(
        str(root / "design" / "design.json"), files, str(page), str(root / "report" / "tables"), str(root / "figures"),
        settings, {"cutadapt": "5.1"},
    )  # fmt: skip
    return page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = make_results(tmp_path_factory.mktemp("trial") / "results")
    return root, build(root)


def test_answer_first(trial: tuple[Path, str]) -> None:
    _, page = trial
    text = (
        "At week8, phq9 was 3.2\N{NO-BREAK SPACE}points lower with probiotic than with placebo "
        "(95 % CI −5.3 to −1.1; q = 0.0041; 15 and 16 participants). The data are compatible with differences "
        "from −5.3 to −1.1; no difference is not among them."
    )
    assert text in page
    assert page.index(text) < page.index('id="design"')
    assert (
        "amplicon.genus: 1 of 16 contrasts (16 features) below q = 0.05: Bifidobacterium +2.1 (+1.4 to +2.8)"
        in page.replace("(1.4 to 2.8)", "(+1.4 to +2.8)")
    )
    assert 'class="banner" role="alert"' not in page
    assert "Simulated trial" in page


def test_nothing_is_fetched(trial: tuple[Path, str]) -> None:
    _, page = trial
    parser = Loads()
    parser.feed(page)
    assert [f for f in parser.fetched if not f.startswith("data:")] == []
    assert parser.scripts == 4
    assert len(parser.ids) == len(set(parser.ids))
    assert "@import" not in page.split("</style>")[0]
    assert page.count("plotly.js v") == 1


def test_page_stays_small(trial: tuple[Path, str]) -> None:
    root, _ = trial
    assert (root / "report" / "index.html").stat().st_size < 8e6


def test_ids_are_escaped(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert "Probiotic trial &lt;pilot&gt;" in page
    assert "<pilot>" not in page
    assert "<b>genus</b>" not in page
    forest = json.loads((root / "figures" / "forest.amplicon.genus.json").read_text())
    ticks = forest["layout"]["yaxis"]["ticktext"]
    assert 'odd &lt;b&gt;genus&lt;/b&gt; &amp; "co"' in ticks
    assert "</script" not in embed({"x": EVIL})
    assert json.loads(embed({"x": EVIL})) == {"x": EVIL}


def test_tables_match_figures(trial: tuple[Path, str]) -> None:
    root, page = trial
    manifest = json.loads((root / "figures" / "manifest.json").read_text())
    ids = [m["id"] for m in manifest]
    assert {"flow", "ledger", "forest.panel.clinical", "forest.amplicon.genus", "within.amplicon.genus", "quality",
            "truth.amplicon.genus", "diversity.shannon", "clinical.phq9", "composition.genus",
            "ordination.aitchison"} <= set(ids)  # fmt: skip
    for entry in manifest:
        assert entry["title"]
        assert entry["caption"]
        assert entry["alt"]
        assert (root / "figures" / entry["file"]).is_file()
        assert (root / "report" / "tables" / entry["table"]).is_file()
        assert f'data-table="{entry["id"]}">Download data (TSV)' in page
    forest = json.loads((root / "figures" / "forest.amplicon.genus.json").read_text())
    table = pd.read_csv(root / "report" / "tables" / "forest.amplicon.genus.tsv", sep="\t")
    assert forest["data"][0]["x"] == pytest.approx(table["estimate"].tolist(), rel=1e-4)
    assert table["estimate"].is_monotonic_decreasing
    ledger = json.loads((root / "figures" / "ledger.json").read_text())
    rows = pd.read_csv(root / "report" / "tables" / "ledger.tsv", sep="\t")
    assert ledger["data"][0]["y"] == rows["kept"].tolist()
    lost = rows.filter(like="lost_").sum(axis=1)
    assert (rows["raw"] == rows["kept"] + lost).all()
    embedded = json.loads(page.split('id="tables">')[1].split("</script>")[0])
    assert embedded["ledger"] == (root / "report" / "tables" / "ledger.tsv").read_text()


def test_flow_counts_and_reasons(trial: tuple[Path, str]) -> None:
    root, page = trial
    svg = (root / "figures" / "flow.svg").read_text()
    assert ">32 participants<" in svg
    assert ">15 participants analysed<" in svg
    assert ">16 participants analysed<" in svg
    assert "no reads left after" in svg
    assert "kept apart: 1 mock, 1 negative" in svg
    assert ">31</dd>" in page
    assert ">63 of 64</dd>" in page


def test_within_is_marked_as_description(trial: tuple[Path, str]) -> None:
    _, page = trial
    assert "one arm being significant while the other is not does not show that the arms" in page
    assert "description only" in page


def test_truth_stands_beside(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert "3 of 3 intervals" in page
    figure = json.loads((root / "figures" / "truth.amplicon.genus.json").read_text())
    assert [t["name"] for t in figure["data"]] == ["probiotic vs placebo", "truth"]
    assert figure["data"][1]["x"] == [2.0, 0.0]


def test_methods_cite_what_ran(trial: tuple[Path, str]) -> None:
    _, page = trial
    for doi in (
        "10.1038/nmeth.3869",
        "10.14806/ej.17.1.200",
        "10.1186/s40168-018-0605-2",
        "10.1186/1745-6215-12-264",
    ):
        assert f"doi:{doi}<" in page
    assert "10.7717/peerj.2584" not in page  # VSEARCH did not run
    assert "10.1128/AEM.01996-06" not in page  # nor weighted UniFrac
    assert "<td>5.1</td>" in page
    assert "1.26.0" in page
    assert "start, change or stop a treatment" in page


def test_single_arm_banner(tmp_path: Path) -> None:
    page = build(make_results(tmp_path / "results", n=6, single_arm=True, optional=False))
    assert 'role="alert">No control: change cannot be attributed to the intervention.</p>' in page
    assert "This is a description, not an effect of the intervention." in page
    assert "Simulated trial" not in page
    assert "forest." not in json.dumps([m["id"] for m in json.loads(
        (tmp_path / "results" / "figures" / "manifest.json").read_text())])  # fmt: skip


def test_one_participant(tmp_path: Path) -> None:
    page = build(make_results(tmp_path / "results", n=1, single_arm=True, reads=False, optional=False))
    assert "One participant: no comparison of arms" in page
    assert "No reads were processed in this run." in page


def test_missing_parts_say_why(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4, optional=False)
    (root / "profiles" / "panel.clinical.biom").unlink()
    page = build(root)
    for words in (
        "No truncation lengths were recorded in this run.", "No decontamination table", "No mock community was sequenced",
        "No measures were given",
    ):  # fmt: skip
        assert words in page


def test_only_the_design(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4)
    page = build(root, files=[str(root / "design" / "design.json")])
    assert "There is no effect and no change to report" in page
    assert "The flow table of this run is missing" in page


def test_stale_files_are_not_read(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4)
    files = [str(p) for p in root.rglob("*") if p.is_file() and p.name != "truth.tsv"]
    (root / "figures").mkdir()
    (root / "figures" / "old.json").write_text("{}")
    page = build(root, files=files)
    assert "Truth beside estimate" not in page
    assert not (root / "figures" / "old.json").exists()


def test_inferred_is_marked(tmp_path: Path) -> None:
    root = make_results(tmp_path / "results", n=4, optional=False)
    meta = root / "profiles" / "amplicon.genus.meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "inferred": True}))
    page = build(root)
    assert "inferred, not measured" in page
    assert "Inferred from sequences and not measured: amplicon.genus." in page


def test_same_input_same_page(trial: tuple[Path, str]) -> None:
    root, page = trial
    assert build(root) == page


def test_results_know_places(trial: tuple[Path, str]) -> None:
    results = load_results(trial[0])
    people = results.people(results.profiles["panel.clinical"])
    assert people.columns.tolist() == ["participant", "arm", "visit", "phq9"]
    assert set(people["visit"]) == {"baseline", "week8"}

"""Modules and concordance in the report; and what was inferred says so wherever it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report.fake_trial import SETTINGS, build, make_results
from scipy import sparse

from vagus.modules.module_file import MODULES, load_modules
from vagus.profile import Profile, write_profile
from vagus.report.figures_function import correlation_words, module_table
from vagus.report.load_results import load_results
from vagus.report.sections_function import lost_by_arm, verdict_words

WITH_MODULES = {**SETTINGS, "modules": {"file": str(MODULES)}}
MARK = "inferred, not measured"
SHOWN = ["BUT_acetylCoA", "ACE_pta_ack", "GABA_gad", "INDOLE"]
DRAWN = [
    "panel.clinical", "amplicon.genus", "amplicon.family", "amplicon.diversity", "amplicon.asv",
    "shotgun.species", "amplicon.module", "amplicon.metabolite",
]  # fmt: skip


def add_function(root: Path, n: int, compounds: int = 3) -> Path:
    """Add modules, compounds, their effects and concordance, species by shotgun, and variants."""
    rng = np.random.default_rng(1)
    design = json.loads((root / "design" / "design.json").read_text())
    design["samples"].append({**design["samples"][-1], "sample": "SHOT1", "assay": "shotgun"})
    (root / "design" / "design.json").write_text(json.dumps(design))
    stool = [s["sample"] for s in design["samples"] if s["type"] == "stool"]
    known = {m.id: m for m in load_modules().modules}
    rows = [
        (s, m, known[m].axis, known[m].tier, v, 0.0, 0 if m == "INDOLE" else 3, 2.5, 1.0)
        for s in stool
        for m, v in zip(SHOWN, [*rng.lognormal(-2, 0.5, 3), 0.0], strict=True)
    ]
    columns = [
        "sample",
        "module",
        "axis",
        "tier",
        "value",
        "unclassified",
        "carriers",
        "redundancy",
        "coverage",
    ]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(root / "profiles" / "amplicon.modules.tsv", sep="\t", index=False)
    meta: dict[str, Any] = {"kind": "relative", "unit": "share", "by_taxon": True, "transform": "log2"}
    wide = table.pivot(index="module", columns="sample", values="value").loc[SHOWN, stool]
    for name, features, values, more in (
        ("amplicon.module", SHOWN, wide.to_numpy(), {}),
        ("amplicon.metabolite", ["butyrate|made"], wide.to_numpy()[:1], {}),
        ("amplicon.asv", ["ASV_1"], wide.to_numpy()[:1], {"transform": None}),
        ("shotgun.species", ["s1", "s2"], wide.to_numpy()[:2], {"unclassified": dict.fromkeys(stool, 0.2)}),
    ):
        profile = Profile(name, sparse.csr_array(values), features, stool, {}, {**meta, **more})
        write_profile(profile, root / "profiles" / f"{name}.biom")
    pd.DataFrame(
        {
            "sample": stool, "engine": "bowtie2", "reads": 1000, "unclassified_species": 0.2,
            "detection_limit": 0.001, "left_out": "",
        }
    ).to_csv(root / "profiles" / "shotgun.taxonomy_samples.tsv", sep="\t", index=False)  # fmt: skip
    for kind in ("arm_effects", "within_arm"):
        genus = pd.read_csv(root / "trial" / kind / "amplicon.genus.tsv", sep="\t")
        for name, feature in (("amplicon.module", "GABA_gad"), ("amplicon.metabolite", "butyrate|made")):
            part = genus[genus["feature"] == "Bacteroides"].assign(profile=name, feature=feature)
            part.to_csv(root / "trial" / kind / f"{name}.tsv", sep="\t", index=False)
    if (root / "trial" / "truth.tsv").exists():
        truth = pd.read_csv(root / "trial" / "truth.tsv", sep="\t")
        more_truth = truth.tail(1).assign(profile="amplicon.module", feature="GABA_gad")
        pd.concat([truth, more_truth]).to_csv(root / "trial" / "truth.tsv", sep="\t", index=False)
    ids = [c.id for c in load_modules().compounds]
    done = []
    for k, compound in enumerate(ids[:compounds]):
        for comparison in ("baseline", "change to week8"):
            rho = 0.5 - 0.05 * k
            done.append(
                {
                    "profile": "amplicon.metabolite", "compound": compound, "measure": compound,
                    "comparison": comparison, "n": n, "spearman": rho, "ci_low": rho - 0.3,
                    "ci_high": rho + 0.3, "sign_agreement": np.nan if comparison == "baseline" else 0.66,
                    "verdict": "supported" if rho > 0.3 else "not supported", "note": "",
                    "spearman_in_arms": rho - 0.01, "in_arms_low": rho - 0.32, "in_arms_high": rho + 0.3,
                }
            )  # fmt: skip
    done += [
        {"profile": "amplicon.metabolite", "compound": c, "verdict": "not measured"} for c in ids[compounds:]
    ]
    pd.DataFrame(done).to_csv(root / "trial" / "concordance.tsv", sep="\t", index=False)
    return root


def infer(root: Path, name: str, **more: Any) -> None:
    """Mark a profile as inferred."""
    meta = root / "profiles" / f"{name}.meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "inferred": True, **more}))


def text_of(root: Path, entry: dict[str, str]) -> str:
    """Return the words in a figure, as exported."""
    return (root / "figures" / entry["file"]).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    root = add_function(make_results(tmp_path_factory.mktemp("function") / "results"), 16)
    return root, build(root, WITH_MODULES)


def body(page: str, section: str) -> str:
    return page.split(f'<section id="{section}"')[1].split("</section>")[0]


def test_modules_by_axis_with_carriers_and_tiers(made: tuple[Path, str]) -> None:
    root, page = made
    part = body(page, "molecules")
    assert "how many genes are there, not how much is made" in part
    assert "Short-chain fatty acids" in part and "GABA and glutamate" in part  # noqa: PT018
    assert "serotonin" in part and "Tryptophan hydroxylase (K00502) is an animal gene" in part  # noqa: PT018
    assert "1 module (16S) seen in no sample: indole from tryptophan" in part
    acids = json.loads((root / "figures" / "modules.amplicon.SCFA.json").read_text())
    labels = acids["layout"]["yaxis"]["ticktext"]
    assert any("(housekeeping)" in x and "acetate" in x for x in labels)
    assert not any("(housekeeping)" in x and "butyrate" in x for x in labels)
    assert any("3 taxa, effectively 2.5" in a["text"] for a in acids["layout"]["annotations"])
    assert {t["name"] for t in acids["data"]} == {
        "placebo, baseline", "placebo, week8", "probiotic, baseline", "probiotic, week8",
    }  # fmt: skip
    table = pd.read_csv(root / "report" / "tables" / "modules.amplicon.SCFA.tsv", sep="\t")
    raw = pd.read_csv(root / "profiles" / "amplicon.modules.tsv", sep="\t")
    arm_of = {
        p["participant"]: p["arm"]
        for p in json.loads((root / "design/design.json").read_text())["participants"]
    }
    raw = raw.assign(
        arm=raw["sample"].str.split("_").str[0].map(arm_of), visit=raw["sample"].str.split("_").str[1]
    )
    mine = raw[(raw["module"] == "BUT_acetylCoA") & (raw["arm"] == "probiotic") & (raw["visit"] == "week8")]
    drawn = table.set_index(["module", "arm", "visit"]).loc[("BUT_acetylCoA", "probiotic", "week8")]
    assert drawn["median"] == pytest.approx(mine["value"].median(), rel=1e-5)
    assert drawn["n"] == len(mine)


def test_effects_of_modules_are_not_shown_twice(made: tuple[Path, str]) -> None:
    manifest = json.loads((made[0] / "figures" / "manifest.json").read_text())
    forests = [m["id"] for m in manifest if m["id"].startswith("forest.amplicon.module")]
    assert forests == ["forest.amplicon.module"]
    assert "stand under Arm effects" in body(made[1], "molecules")


def test_concordance_tells_effect_interval_n_and_no_p(made: tuple[Path, str]) -> None:
    root, page = made
    part = body(page, "concordance")
    assert "6 comparisons of genes with a measured compound" in part
    assert "about 0.1 would by chance alone" in part or "about 0.2 would by chance alone" in part
    assert not re.search(r"\bp [<=]", part)
    assert "genes and compound go together" in part
    assert "not measured" in part and "that the modules make were not measured" in part  # noqa: PT018
    figure = json.loads((root / "figures" / "concordance.amplicon.metabolite.json").read_text())
    assert [t["name"] for t in figure["data"]] == ["baseline", "change to week8"]
    assert figure["data"][0]["x"] == [0.5, 0.45, 0.4]
    assert any("+0.50 (+0.20 to +0.80)" in a["text"] for a in figure["layout"]["annotations"])


def test_many_compounds_are_split_and_stay_readable(tmp_path: Path) -> None:
    root = add_function(make_results(tmp_path / "results", n=4, optional=False), 8, compounds=80)
    page = build(root, WITH_MODULES)
    figures = sorted((root / "figures").glob("concordance.*.json"))
    assert len(figures) == 3
    for path in figures:
        layout = json.loads(path.read_text())["layout"]
        rows = len(layout["yaxis"]["ticktext"])
        assert rows <= 30
        assert layout["height"] / rows > 40
    assert '<details class="more"><summary>Compounds (16S): what each comparison shows' in page


@pytest.mark.parametrize("name", DRAWN)
def test_every_figure_of_what_was_inferred_says_so_and_no_other(tmp_path: Path, name: str) -> None:
    root = add_function(make_results(tmp_path / "results", n=5), 10)
    infer(root, name)
    page = build(root, WITH_MODULES)
    manifest = json.loads((root / "figures" / "manifest.json").read_text())
    mine = [m for m in manifest if m["profile"] == name]
    assert mine
    for entry in mine:
        assert entry["note"] == MARK, entry["id"]
        assert entry["caption"].startswith(MARK.capitalize()), entry["id"]
        assert entry["alt"].startswith(MARK.capitalize()), entry["id"]
        assert MARK in text_of(root, entry), entry["id"]
    for entry in [m for m in manifest if m["profile"] != name]:
        said = " ".join([entry["note"], entry["caption"], entry["alt"], text_of(root, entry)]).lower()
        assert MARK not in said, entry["id"]
    # Whatever draws a profile names it; what does not is about reads.
    unnamed = {m["section"] for m in manifest if not m["profile"]}
    assert unnamed <= {"flow", "reads", "quality", "decontam", "mock", "ledger"}, unnamed
    drawn = {m["profile"] for m in manifest if m["profile"]}
    assert drawn == set(DRAWN)
    assert page.count(f'<span class="badge">{MARK}</span>') == len(mine)


def test_sentences_and_tables_of_what_was_inferred_say_so(tmp_path: Path) -> None:
    root = add_function(make_results(tmp_path / "results", n=5), 10)
    for name in ("panel.clinical", "amplicon.metabolite", "amplicon.module"):
        infer(root, name)
    page = build(root, WITH_MODULES)
    answer = body(page, "answer")
    assert f"\N{MIDDLE DOT} {MARK}" in answer
    for line in re.findall(r"<(?:li|p)>([^<]*)</", answer):
        told = MARK in line.lower()
        about = any(w in line for w in ("phq9", "Modules (16S)", "Compounds (16S)"))
        assert told == about, line
    assert f"Compounds (16S), {MARK}: what each comparison shows" in page
    assert f"1 module (16S, {MARK}) seen in no sample" in page


def test_lost_reads_by_arm_stand_in_a_table_where_they_are_told(tmp_path: Path) -> None:
    root = add_function(make_results(tmp_path / "results", n=5, optional=False), 10)
    assert "genes are therefore lost" not in build(root, WITH_MODULES)
    told = [{"arm": "placebo", "visit": "week8", "median": 0.1234, "max": 0.5, "n": 5}]
    far = {"engine": "nearest", "distance": {"P000_week8": 0.02, "P001_week8": 0.04, "P002_week8": 0.1}}
    infer(
        root, "amplicon.module", lost_share_by_arm=told, covered_share={"a": 0.5, "b": 0.7, "c": 0.8}, **far
    )
    page = build(root, WITH_MODULES)
    part = body(page, "molecules")
    assert f"{MARK} (by the nearest genome, median distance to it 0.040): share" in part
    assert "stands for 70\N{NO-BREAK SPACE}% of the median sample (50\N{NO-BREAK SPACE}% to 80" in body(
        page, "limits"
    )
    assert "If one arm loses more than another" in part
    assert "<td>placebo</td><td>week8</td><td>5</td><td>12.3\N{NO-BREAK SPACE}%</td>" in part
    # Without that summary it is made from the samples' own shares.
    infer(
        root, "amplicon.module", lost_share_by_arm=None, lost_share={"P000_week8": 0.25, "P002_week8": 0.75}
    )
    part = body(build(root, WITH_MODULES), "molecules")
    assert (
        "<td>2</td><td>50\N{NO-BREAK SPACE}%</td>" in part
        or "<td>2</td><td>50.0\N{NO-BREAK SPACE}%</td>" in part
    )
    rows = lost_by_arm(load_results(root), {"P000_week8": 0.25, "P001_week8": 0.1, "NEG": 1.0})
    assert [(r["arm"], r["n"], r["median"]) for r in rows] == [("placebo", 1, 0.25), ("probiotic", 1, 0.1)]


def test_without_modules_there_is_no_section(tmp_path: Path) -> None:
    page = build(make_results(tmp_path / "results", n=4, optional=False))
    assert 'id="molecules"' not in page
    assert 'id="concordance"' not in page


def test_medians_by_arm_and_visit() -> None:
    modules = pd.DataFrame(
        {
            "sample": ["a1", "b1", "c1", "stranger"], "module": "M", "axis": "X", "tier": "A",
            "value": [0.0, 2.0, 4.0, 99.0], "carriers": [0, 1, 3, 9], "redundancy": [0.0, 1.0, 2.0, 9.0],
        }
    )  # fmt: skip
    places = {"a1": ("a", "v1"), "b1": ("b", "v1"), "c1": ("c", "v1")}
    table = module_table(modules, places, {"a": "x", "b": "x", "c": "y"}, ["y", "x"], ["v1"])
    assert table["arm"].tolist() == ["y", "x"]
    assert table["median"].tolist() == [4.0, 1.0]
    assert table["carriers"].tolist() == [3.0, 0.5]
    assert table["share_with"].tolist() == [1.0, 0.5]


def test_verdicts_in_words() -> None:
    row = {"ci_low": 0.1, "ci_high": 0.5, "verdict": "supported", "note": ""}
    assert verdict_words(pd.Series(row)) == "genes and compound go together"
    assert verdict_words(pd.Series({**row, "note": "goes with the arms"})) == "goes with the arms"
    less = {**row, "ci_low": -0.5, "ci_high": -0.1, "verdict": "not supported"}
    assert verdict_words(pd.Series(less)) == "the less genes, the more compound"
    assert verdict_words(pd.Series({**less, "ci_high": 0.1})) == "not shown"
    assert verdict_words(pd.Series({**row, "ci_low": np.nan, "note": "too few"})) == "cannot be said: too few"
    words = correlation_words(pd.Series({**row, "spearman": 0.3, "n": 40, "sign_agreement": 0.625}))
    assert words == "+0.30 (+0.10 to +0.50), n = 40, 62\N{NO-BREAK SPACE}% same way"

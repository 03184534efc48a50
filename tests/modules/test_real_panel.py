"""Modules in real genomes against what others found in them, module by module."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from modules.made_modules import make_profile

from vagus.modules.module_file import load_modules
from vagus.modules.random_modules import required_kos
from vagus.modules.score_modules import Scores, score_modules

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MODULES = {m.id: m for m in load_modules(ROOT / "resources" / "modules" / "neuroactive.yaml").modules}
INFANT = DATA / "instrain_N5_271" / "test" / "test_data"
MGNIFY = DATA / "biosiftr_shotgun_function" / "tests" / "reference_dbs"
ARCHAEA = DATA / "picrust2_archaea" / "ko.txt.gz"

# Our module -> the KEGG module of the same reactions. Not the whole of it where a comment says so.
CROSSWALK = {
    "TRP_synthesis": "M00023",
    "MK_classic": "M00116",
    "FOLATE": "M00126",
    "B12_late": "M00122",
    "GABA_putrescine_puu": "M00136",
    "PUTRESCINE_ornithine": "M00134",  # the last of two steps
    "ACE_pta_ack": "M00579",
    "ACE_woodljungdahl": "M00377",
    "H2S_dsr": "M00596",
    "LPS_core": "M00060",
    "QUIN_synthesis": "M00115",  # the first two of five steps
    "QUIN_consumption": "M00115",  # the third of five steps
    "NITRITE_ammonia": "M00530",  # nrfA of the last step, which is nirBD as well there
    "NO_nitrite": "M00529",  # the second of four steps
    "GABA_degradation": "M00027",  # the last two of three steps
    "KYN_to_quinolinate": "M00038",  # the middle
    "SAM": "M00035",  # the first of four steps
}


def need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path} is absent")
    return path


def score(kos: set[str]) -> Scores:
    return score_modules(MODULES.values(), make_profile(np.ones((len(kos), 1)), sorted(kos)))


def vector(scores: Scores) -> set[str]:
    return {m for m, value in zip(scores.modules, scores.value[:, 0], strict=True) if value > 0}


def coverage(scores: Scores) -> dict[str, float]:
    return {m: float(c) for m, c in zip(scores.modules, scores.coverage[:, 0], strict=True) if c > 0}


def infant_bins() -> dict[str, set[str]]:
    """Return bin -> KOs of the infant's scaffolds; scaffolds of no bin are one more."""
    table = need(INFANT / "N5_271_010G1_scaffold_min1000.fa.genes.faa.KOfam_anno.txt")
    lines = (INFANT / "N5_271_010G1.maxbin2.stb").read_text().splitlines()
    bins = dict(line.split() for line in lines if line.strip())
    found: dict[str, set[str]] = {}
    with table.open() as handle:
        for row in csv.DictReader(handle):
            scaffold = row["gene"].rpartition("_")[0]
            found.setdefault(bins.get(scaffold, "no bin"), set()).add(row["anno"])
    return found


def test_the_infant_bins_hold_no_module() -> None:
    """65 KOs in 46 scaffolds: transporters, transposases, cell wall; none of a module, not even partly."""
    found = infant_bins()
    print({name: len(kos) for name, kos in found.items()})
    assert len(set().union(*found.values())) == 65
    # The other bin has one scaffold and no annotated gene.
    assert set(found) == {"maxbin2.maxbin.001.fasta"}
    named = {ko for m in MODULES.values() for ko in required_kos(m)}
    for name, kos in found.items():
        scores = score(kos)
        assert vector(scores) == set(), name
        assert coverage(scores) == {}, name
    assert not named & set().union(*found.values())


def mgnify_kos() -> set[str]:
    path = need(MGNIFY / "human-vaginal-v1-0" / "functional_profiles_DB" / "MGYG000303700_clstr.tsv")
    kos: set[str] = set()
    for line in path.read_text().splitlines():
        cell = line.split("\t")[5] if not line.startswith("#") else "-"
        kos |= {ko for ko in cell.split(",") if ko != "-"}
    return kos


def mgnify_completeness() -> dict[str, float]:
    """Return KEGG module -> completeness (0 to 1) as its makers computed it; a module not listed has none."""
    name = "kegg_completeness_DB/MGYG000303700_clstr_kegg_comp.tsv"
    rows = [
        line.split("\t") for line in need(MGNIFY / "human-vaginal-v1-0" / name).read_text().splitlines()[1:]
    ]
    return {row[0][:6]: float(row[1]) / 100 for row in rows}


def test_a_genome_of_the_candidate_phyla() -> None:
    """Nanoperiomorbus (Saccharibacteria) lives on a host, ferments to lactate and makes next to nothing."""
    kos = mgnify_kos()
    scores = score(kos)
    assert len(kos) == 302
    # Ribosome and L-lactate dehydrogenase; no SAM synthetase, no vitamin, no amino acid, no outer membrane.
    assert vector(scores) == {"RIBOSOME", "LAC_L"}
    # Acetate kinase without phosphotransacetylase; folD of the five steps of acetogenesis.
    partly = {"RIBOSOME": 1.0, "LAC_L": 1.0, "ACE_pta_ack": 0.5, "ACE_woodljungdahl": 0.2}
    assert coverage(scores) == pytest.approx(partly)


def test_it_agrees_with_the_completeness_of_its_makers() -> None:
    scores, theirs = score(mgnify_kos()), mgnify_completeness()
    ours, present = coverage(scores), vector(scores)
    for module, kegg in CROSSWALK.items():
        there = theirs.get(kegg, 0.0)
        # None of these is complete there, and none is present here.
        assert there < 1
        assert module not in present
        if module == "SAM":
            # A quarter of methionine degradation, by the methyltransferase K00558 that is not in our module.
            assert (there, module in ours) == (0.25, False)
            assert {"K00558", "K00789"} & mgnify_kos() == {"K00558"}
        else:
            assert (there > 0) == (module in ours), module
    assert ours["ACE_pta_ack"] == theirs["M00579"]
    # One step of seven there, of five here: folD in both.
    assert theirs["M00377"] == pytest.approx(1 / 7, abs=1e-3)
    # Glycolysis' core is complete there; it is no module of ours, and nothing else is complete.
    assert {m for m, share in theirs.items() if share == 1} == {"M00002", "M00086"}


def kegg_steps() -> pd.DataFrame:
    """Return module, step and ko of the KEGG modules in DRAM's form; subunits are alternatives there."""
    table = pd.read_csv(need(MGNIFY / "dram_dbs" / "module_step_form.tsv"), sep="\t")
    return table.assign(step=table["path"].str.split(",").str[0])[["module", "step", "ko"]]


def test_the_crosswalk_names_modules_of_the_same_genes() -> None:
    table = kegg_steps()
    for module, kegg in CROSSWALK.items():
        theirs = set(table.loc[table["module"] == kegg, "ko"])
        steps = [{ko for e in s.alternatives for ko in e} for s in MODULES[module].required]
        shared = sum(bool(step & theirs) for step in steps)
        # DRAM's table holds the last step only of what it calls M00122.
        assert shared == (1 if module == "B12_late" else len(steps)), module


@pytest.fixture(scope="module")
def archaea() -> pd.DataFrame:
    """KOs of 1,002 archaeal genomes."""
    with gzip.open(need(ARCHAEA), "rt") as handle:
        table = pd.read_csv(handle, sep="\t", index_col=0)
    return table.rename(columns=lambda name: name.removeprefix("ko:"))


@pytest.fixture(scope="module")
def archaeal_modules(archaea: pd.DataFrame) -> pd.DataFrame:
    """Genomes x modules: present or not."""
    profile = make_profile(archaea.to_numpy(float).T, list(archaea.columns))
    return pd.DataFrame(
        score_modules(MODULES.values(), profile).value.T > 0, index=archaea.index, columns=list(MODULES)
    )


# Genomes with all KEGG steps, and those of them that lack the module here. DRAM takes any subunit for the
# enzyme and any reaction of a branch for the branch: what is excepted has half a tryptophan synthase or lacks
# two of the five steps, or has nothing of B12 but the one step that DRAM's table has of it.
@pytest.mark.parametrize(
    ("module", "complete", "exceptions"),
    [
        ("TRP_synthesis", 816, 13),
        ("MK_classic", 3, 0),
        ("B12_late", 785, 2),
        ("ACE_pta_ack", 23, 0),
        ("H2S_dsr", 20, 0),
        ("PUTRESCINE_ornithine", 328, 0),
        ("QUIN_synthesis", 3, 0),
        ("NO_nitrite", 20, 0),
        ("GABA_degradation", 17, 0),
        ("SAM", 114, 0),
    ],
)
def test_complete_in_kegg_is_present_here(
    archaea: pd.DataFrame, archaeal_modules: pd.DataFrame, module: str, complete: int, exceptions: int
) -> None:
    table = kegg_steps()
    table = table[table["module"] == CROSSWALK[module]]
    steps = [
        (archaea.reindex(columns=sorted(set(kos)), fill_value=0) > 0).any(axis=1)
        for _, kos in table.groupby("step")["ko"]
    ]
    whole = pd.concat(steps, axis=1).all(axis=1)
    ours = archaeal_modules[module]
    assert (whole.sum(), (whole & ~ours).sum()) == (complete, exceptions)
    # More of the steps where we say present than where we do not.
    share = pd.concat(steps, axis=1).mean(axis=1)
    assert share[ours].mean() > share[~ours].mean()


GENOMES = {
    "GCF_000091665.1": "Methanocaldococcus jannaschii DSM 2661",
    "GCF_000016525.1": "Methanobrevibacter smithii ATCC 35061",
    "GCF_000012545.1": "Methanosphaera stadtmanae DSM 3091",
    "GCF_000007345.1": "Methanosarcina acetivorans C2A",
    "GCF_000008665.1": "Archaeoglobus fulgidus DSM 4304",
    "GCF_000007305.1": "Pyrococcus furiosus DSM 3638",
    "GCF_000011105.1": "Pyrococcus horikoshii OT3",
    "GCF_000195915.1": "Thermoplasma acidophilum DSM 1728",
}
METHANOGENS = list(GENOMES)[:4]


@pytest.mark.parametrize("genome", GENOMES)
def test_named_archaea(archaea: pd.DataFrame, archaeal_modules: pd.DataFrame, genome: str) -> None:
    has = archaeal_modules.loc[genome]
    # Methyl-coenzyme M reductase makes a methanogen: the genome is what its name says.
    assert (archaea.loc[genome, "K00399"] > 0) == (genome in METHANOGENS)
    assert has[["RIBOSOME", "SAM", "B12_late"]].all()
    # Ether lipids, no lipid A; no archaeon here makes these.
    absent = [
        "LPS_core",
        "LPS_hexaacyl",
        "BAI",
        "BUT_acetylCoA",
        "P_CRESOL",
        "IPA_fld",
        "FLAGELLIN",
        "FOLATE",
    ]
    assert not has[absent].any()


@pytest.mark.parametrize(
    ("genome", "present", "absent"),
    [
        # Makes tyramine for methanofuran (mfnA); takes
        # aspartate dehydrogenase, not oxidase, to quinolinate; makes methane, no acetate.
        (
            "GCF_000091665.1",
            "TYRDC TRP_synthesis QUIN_consumption",
            "QUIN_synthesis ACE_pta_ack MK_classic BSH",
        ),
        # The two methanogens of the human gut have bile salt hydrolases.
        ("GCF_000016525.1", "BSH TRP_synthesis", "MK_classic MK_futalosine H2S_dsr ACE_pta_ack"),
        ("GCF_000012545.1", "BSH", "MK_classic MK_futalosine H2S_dsr ACE_pta_ack"),
        # Lives on acetate by acetate kinase and phosphotransacetylase.
        ("GCF_000007345.1", "ACE_pta_ack", "H2S_dsr MK_classic MK_futalosine"),
        # Breathes sulfate, with menaquinone.
        ("GCF_000008665.1", "H2S_dsr MK_futalosine TRP_synthesis", "ACE_pta_ack MK_classic"),
        # Of these two sisters one makes tryptophan and the other needs it.
        ("GCF_000007305.1", "TRP_synthesis IAA_ferredoxin QUIN_synthesis", "MK_classic MK_futalosine"),
        ("GCF_000011105.1", "IAA_ferredoxin QUIN_synthesis QUIN_consumption", "TRP_synthesis MK_futalosine"),
        # Its quinones are made by futalosine.
        ("GCF_000195915.1", "MK_futalosine TRP_synthesis", "MK_classic H2S_dsr ACE_pta_ack"),
    ],
)
def test_what_they_are_known_for(
    archaeal_modules: pd.DataFrame, genome: str, present: str, absent: str
) -> None:
    has = archaeal_modules.loc[genome]
    assert has[present.split()].all()
    assert not has[absent.split()].any()


def test_methanogens_among_all_archaea(archaea: pd.DataFrame, archaeal_modules: pd.DataFrame) -> None:
    methane = archaea["K00399"] > 0
    share = archaeal_modules.groupby(methane).mean()
    assert methane.sum() == 280
    # They have no quinones (one in twenty has the genes of futalosine), and B12 for their methyltransferases.
    assert share.loc[True, "MK_classic"] == 0
    assert share.loc[False, "MK_classic"] > 0.4
    assert share.loc[True, "B12_late"] > 0.95 > share.loc[False, "B12_late"]
    # Methanopterin in place of folate.
    assert share.loc[True, "FOLATE"] == 0
    # One of 280 genomes makes butyrate and splits choline: the contaminated one of test_truth_panel.py.
    assert archaeal_modules.loc[methane, ["BUT_acetylCoA", "TMA_cut"]].sum().tolist() == [1, 1]

"""Two studies that measured genera and metabolites, as sheets of a trial; genes come from the literature.

The tables have no genes. A genus for which `modules.panel.GENERA` has a KO set counts as that set times its
share of the reads; the others are lost. Run as a script it writes the figures into resources/docs:
`PYTHONPATH=scripts:tests python tests/trial/real_concordance.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml
from modules.panel import genus_sets
from scipy import sparse

from vagus.design.model import Design, Measure, Participant, Sample
from vagus.modules.module_file import load_modules
from vagus.modules.module_profiles import make_profiles
from vagus.profile import Profile
from vagus.trial.concordance import compare_compounds, match_measures

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "microbiome_metabolome_curated" / "data" / "processed_data"
PAGE = ROOT / "resources" / "docs" / "concordance.md"
STOICHIOMETRY = ROOT / "resources" / "modules" / "stoichiometry.tsv"
MODULES = load_modules()
HE, KANG = "HE_INFANTS_MFGM_2019", "KANG_AUTISM_2017"
DIETS = {"Standard infant formula": "SF", "Experimental infant formula": "EF", "Breast milk": "BF"}
UNITS = {HE: "uM", KANG: "as given"}
SHOWN = [
    "gaba",
    "acetate",
    "propionate",
    "butyrate",
    "l_lactate",
    "d_lactate",
    "succinate",
    "formate",
    "tryptophan",
]
NAMES = {c.id: c.name for c in MODULES.compounds}
NUMBERS = ("<!-- figures: start -->", "<!-- figures: end -->")


@dataclass
class Study:
    """Shares of the reads by genus and measured metabolites (samples x names), and where samples belong."""

    name: str
    genera: pd.DataFrame
    measured: pd.DataFrame
    places: pd.DataFrame  # sample -> participant, visit, arm
    plan: dict[str, object]


def read_study(name: str) -> Study:
    """Read the tables of a study; all samples of both tables are kept."""
    folder = DATA / name
    genera, measured, sheet = (
        pd.read_csv(folder / f"{part}.tsv", sep="\t", index_col=i)
        for part, i in (("genera", "Sample"), ("mtb", "Sample"), ("metadata", "Sample"))
    )
    genera.columns = [c.rpartition("g__")[2] for c in genera.columns]
    genera = genera.T.groupby(level=0).sum().T
    infants = name == HE
    visits = [f"month{m}" for m in (2, 4, 6, 12)] if infants else ["once"]
    arm = sheet["diet"].map(DIETS) if infants else sheet["Study.Group"].str.strip().str.lower()
    visit = "month" + sheet["Age"].astype(str) if infants else pd.Series("once", sheet.index)
    places = pd.DataFrame({"participant": sheet["Subject"], "visit": visit, "arm": arm})
    arms = list(DIETS.values()) if infants else ["neurotypical", "autistic"]
    plan: dict[str, object] = {
        "design": "parallel",
        "arms": arms,
        "reference_arm": arms[0],
        "visits": visits,
        "baseline": visits[0],
        "primary_visit": visits[-1],
    }
    return Study(name, genera, measured, places.loc[genera.index], plan)


def genus_potential(study: Study) -> Profile:
    """Return features `KO|genus`: a genus' share for each KO of its set, inferred from the name alone."""
    sets = genus_sets()
    known = [g for g in study.genera.columns if g in sets]
    rows = {f"{ko}|{genus}": study.genera[genus] for genus in known for ko in sorted(sets[genus])}
    table = pd.DataFrame(rows).T
    covered = study.genera[known].sum(axis=1)
    meta = {
        "kind": "relative",
        "unit": "share",
        "inferred": True,
        "engine": "KO sets of genera by hand",
        "covered_share": {str(s): float(v) for s, v in covered.items()},
        "genera": known,
    }
    samples = [str(s) for s in table.columns]
    return Profile(
        "amplicon.ko", sparse.csr_array(table.to_numpy(float)), list(table.index), samples, {}, meta
    )


def matched(study: Study) -> dict[str, str]:
    """Return measured name -> compound of the module file, by name (ids differ for formate and others)."""
    return match_measures([str(c) for c in study.measured.columns], MODULES.compounds)


def make_design(study: Study) -> Design:
    """Return the study as the design floor would hand it on."""
    places = study.places
    people = places.drop_duplicates("participant")
    names = list(matched(study))
    return Design(
        {**study.plan, "strata": [], "covariates": [], "families": [], "seed": 1},
        [Participant(str(p), str(a)) for p, a in zip(people["participant"], people["arm"], strict=True)],
        [Sample(str(s), r.participant, r.visit, "amplicon", "stool") for s, r in places.iterrows()],
        [
            Measure(r.participant, r.visit, name, float(study.measured.loc[s, name]), UNITS[study.name], None)
            for s, r in places.iterrows()
            for name in names
        ],
    )


def metabolite_profile(study: Study) -> Profile:
    """Return the compounds' potential by our own modules."""
    made, _ = make_profiles(genus_potential(study), MODULES, STOICHIOMETRY, [])
    return made["metabolite"]


def compare(study: Study) -> pd.DataFrame:
    """Hold potentials against what was measured."""
    return compare_compounds(metabolite_profile(study), make_design(study), MODULES.compounds)


def write_sheets(study: Study, folder: Path) -> Path:
    """Write sheets, plan, KO table and config for a run of the workflow with tables only."""
    folder.mkdir(parents=True, exist_ok=True)
    places, names = study.places.reset_index(names="sample"), list(matched(study))
    samples = places[["sample", "participant", "visit"]].assign(assay="amplicon", type="stool")
    samples = samples.assign(run="", fastq_1="", fastq_2="", dna_conc="", collected="")
    people = places.drop_duplicates("participant")[["participant", "arm"]]
    long = study.measured.loc[places["sample"], names].rename_axis("sample").reset_index()
    long = long.melt("sample", var_name="measure", value_name="value").merge(places, on="sample")
    long = long.assign(unit=UNITS[study.name], lod="")
    potential = genus_potential(study)
    kos = pd.DataFrame(potential.table.toarray(), potential.features, potential.samples)
    for name, table in (
        ("samples", samples),
        ("participants", people),
        ("measures", long[["participant", "visit", "measure", "value", "unit", "lod"]]),
        ("ko", kos.rename_axis("feature").reset_index()),
    ):
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    (folder / "plan.yaml").write_text(yaml.safe_dump(study.plan))
    config = {
        **{key: f"{key}.tsv" for key in ("samples", "participants", "measures")},
        "plan": "plan.yaml",
        "profiles": [{"name": "amplicon.ko", "path": "ko.tsv", "format": "tsv", "kind": "relative"}],
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "config.yaml"


def show(table: pd.DataFrame, compound: str, comparison: str) -> str:
    """Return a row of the page: n, rho, interval, the same inside the arms, signs, verdict."""
    rows = table[(table["compound"] == compound) & (table["comparison"] == comparison)]
    if not len(rows):
        made = any(compound in m.makes for m in MODULES.modules)
        why = "not measured" if made else "no module makes it"
        return f"| {NAMES[compound]} | {comparison} | | | | | {why} |"
    row = rows.iloc[0]
    if pd.isna(row["ci_low"]):
        rho = "" if pd.isna(row["spearman"]) else f"{row['spearman']:.2f}"
        return f"| {NAMES[compound]} | {comparison} | {row['n']:.0f} | {rho} | | | {row['note']} |"
    signs = "" if pd.isna(row["sign_agreement"]) else f"{100 * row['sign_agreement']:.0f} %"
    inside = f"{row['spearman_in_arms']:.2f} ({row['in_arms_low']:.2f} to {row['in_arms_high']:.2f})"
    verdict = row["verdict"] + (f"; {row['note']}" if row["note"] else "")
    pooled = f"{row['spearman']:.2f} ({row['ci_low']:.2f} to {row['ci_high']:.2f})"
    return (
        f"| {NAMES[compound]} | {comparison} | {row['n']:.0f} | {pooled} | {inside} | {signs} | {verdict} |"
    )


def page_figures() -> str:
    """Return the generated part of the page."""
    head = "compound | comparison | n | Spearman (95 % interval) | arms partialled out | same sign | verdict"
    lines: list[str] = []
    for name in (HE, KANG):
        study = read_study(name)
        table, potential = compare(study), genus_potential(study)
        covered = pd.Series(potential.meta["covered_share"])
        made = table[table["ci_low"].notna()]
        yes = made[made["verdict"] == "supported"]
        names = matched(study)
        lines += [
            f"### {name}",
            "",
            f"{study.places['participant'].nunique()} participants, {len(study.places)} samples; "
            f"{len(names)} of {study.measured.shape[1]} measured metabolites are compounds of the module "
            f"file. Potential of {len(potential.meta['genera'])} genera that cover "
            f"{100 * covered.median():.0f} % of the reads of the median sample "
            f"({100 * covered.quantile(0.1):.0f} to {100 * covered.quantile(0.9):.0f} % from the 10th to the "
            "90th percentile); the rest is lost. "
            f"{len(made)} comparisons have an interval: {len(yes)} supported, "
            f"{len(made[made['ci_high'] < 0])} have an interval wholly below 0; chance alone would support "
            f"about {0.025 * len(made):.1f}.",
            "",
            f"| {head} |",
            "|---|---|--:|--:|--:|--:|---|",
        ]
        comparisons = ["baseline", *(f"change to {v}" for v in study.plan["visits"][1:])]  # type: ignore[index]
        for compound in SHOWN:
            measured = compound in table.loc[table["measure"].notna(), "compound"].tolist()
            lines += [show(table, compound, c) for c in (comparisons if measured else comparisons[:1])]
        lines.append("")
        others = yes[~yes["compound"].isin(SHOWN)]
        said = [
            f"{NAMES[r.compound]}, {r.comparison}, {r.spearman:.2f} ({r.ci_low:.2f} to {r.ci_high:.2f})"
            for r in others.itertuples()
        ]
        lines += [f"Supported beside these: {'; '.join(said) or 'none'}.", ""]
    return "\n".join(lines)


def main() -> None:
    """Put the figures of this run into the page."""
    text = PAGE.read_text(encoding="utf-8")
    start, end = map(re.escape, NUMBERS)
    body = f"{NUMBERS[0]}\n\n{page_figures()}\n{NUMBERS[1]}"
    PAGE.write_text(re.sub(f"{start}.*{end}", lambda _: body, text, flags=re.DOTALL), encoding="utf-8")
    print(body)


if __name__ == "__main__":
    main()

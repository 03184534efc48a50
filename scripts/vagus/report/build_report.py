"""Build the one page that tells a trialist what the arms did, how sure that is, and what was lost."""

import json
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import jinja2
import pandas as pd
from plotly.offline import get_plotlyjs

from vagus import __version__
from vagus.report.citations import citations, references, versions
from vagus.report.figures_common import Figure, to_tsv
from vagus.report.figures_reads import ledger_table
from vagus.report.flow_diagram import complete_people, stool_rows, with_visits
from vagus.report.load_results import Results, load_results
from vagus.report.methods import methods
from vagus.report.section import INFERRED, Section, alpha_of, difference_words, inferred_words, profile_order
from vagus.report.sections import all_sections
from vagus.report.sections_reads import controls
from vagus.report.sentences import (
    NO_UNIT,
    NOT_ADVICE,
    PERCENT,
    banners,
    certainty_sentence,
    effect_sentence,
    family_sentence,
    group_sizes,
    interval,
    join,
    number,
    p_text,
    percent,
    plural,
    primary_rows,
    split_contrast,
    with_unit,
)
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

HERE = Path(__file__).resolve().parent
MAX_CARDS = 4
# The page embeds at most this much of a table; the whole stands in the tables folder.
MAX_TABLE_ROWS = 4000


def answer(results: Results) -> dict[str, Any]:
    """Return the answer that stands first: cards with effect and interval, and sentences.

    Parameters
    ----------
    results
        Of the run.

    Returns
    -------
    dict
        family, cards (name, contrast, value, range, detail, low, high, estimate, scale), sentences, others.
    """
    rows, family = primary_rows(results)
    alpha = float(family.get("alpha", 0.05)) if family else 0.05
    found: dict[str, Any] = {"family": family.get("name", ""), "cards": [], "sentences": [], "others": []}
    found["visit"] = str(results.plan.get("primary_visit") or "")
    found["difference"] = difference_words(results)
    when = "the end of a period" if results.is_crossover else None
    if not len(rows):
        found["sentences"] = _descriptions(results)
        return found
    shown = rows.head(MAX_CARDS)
    for _, row in shown.iterrows():
        value, low, high = interval(row, sign=True)
        arm, other = split_contrast(str(row["contrast"]), results.reference)
        reach = max(abs(row["ci_low"]), abs(row["ci_high"])) or 1.0
        found["cards"].append(
            {
                "name": row["feature"],
                "contrast": f"{arm} compared with {other}",
                "value": value,
                "unit": "" if row["unit"] in NO_UNIT else row["unit"],
                "low": low,
                "high": high,
                "detail": f"{p_text(row['q_value'])} \N{MIDDLE DOT} {group_sizes(row, results.reference)}"
                + (f" \N{MIDDLE DOT} {INFERRED}" if results.is_inferred(str(row["profile"])) else ""),
                # Places on a 200-wide bar whose middle is no difference.
                "x": [round(100 + 92 * row[c] / reach, 1) for c in ("ci_low", "estimate", "ci_high")],
                "arm": arm,
                "reference": other,
            }
        )
        found["sentences"].append(
            f"{effect_sentence(row, results.reference, results.confidence, when)} {certainty_sentence(row)}"
            + inferred_words(results, [str(row["profile"])])
        )
    if len(rows) > MAX_CARDS:
        found["sentences"].append(
            family_sentence(rows, list(family.get("profiles") or []), alpha)
            + " Shown: the surest."
            + inferred_words(results, list(rows["profile"]))
        )
    planned = set(family.get("profiles") or []) if family else set(rows["profile"])
    at = results.effects[results.effects["visit"] == found["visit"]]
    at = at[at["estimate"].notna()]
    for profile in profile_order(results, set(at["profile"]) - planned):
        part = at[at["profile"] == profile]
        words = family_sentence(part, [profile], alpha_of(results, profile))
        found["others"].append(words + inferred_words(results, [profile]))
    return found


def _descriptions(results: Results) -> list[str]:
    """Return the changes of the primary profile in words, when arms cannot be compared."""
    families = results.plan.get("families") or []
    wanted = [p for f in families[:1] for p in f.get("profiles") or []]
    visit = str(results.plan.get("primary_visit") or "")
    rows = results.within[results.within["change"].notna() & (results.within["visit"] == visit)]
    names = [p for p in wanted if p in set(rows["profile"])] or profile_order(results, set(rows["profile"]))
    said = []
    for _, row in rows[rows["profile"].isin(names[:1])].head(MAX_CARDS).iterrows():
        value, low, high = interval(row, sign=True)
        value = with_unit(value, str(row["unit"]))
        range_ = (
            f" ({100 * results.confidence:g}{PERCENT} CI {low} to {high})" if pd.notna(row["ci_low"]) else ""
        )
        said.append(
            f"In {row['arm']}, {row['feature']} changed by {value}{range_} from baseline to {visit} "
            f"(n = {number(row['n'], 0)}). This is a description, not an effect of the intervention."
            + inferred_words(results, [str(row["profile"])])
        )
    return said or ["There is no effect and no change to report from this run; the profiles are below."]


def key_numbers(results: Results) -> list[tuple[str, str]]:
    """Return the few numbers that show the size of the trial and what was lost."""
    people = results.design["participants"]
    found = [(number(len(people), 0), "participants")]
    if len(results.flow):
        needed = results.needed_visits
        whole = sum(complete_people(results.flow, group, needed)[0] for group in results.groups)
        found.append((number(whole, 0), with_visits(needed)))
        rows = stool_rows(results.flow)
        rows = rows[rows["arm"].isin(results.groups) & (rows["step"] != "sampling")]
        kept = int((rows["status"] == "kept").sum())
        found.append((f"{number(kept, 0)} of {number(len(rows), 0)}", "stool samples kept"))
    if len(results.ledger):
        table = ledger_table(results.ledger, {})
        found.append((percent(table["kept"].sum(), table["raw"].sum()), "of raw reads kept"))
    return found


def design_rows(results: Results) -> list[tuple[str, str]]:
    """Return the design at a glance."""
    plan = results.plan
    counts = pd.Series(list(results.group_of().values()), dtype=str).value_counts()
    listed = ", ".join(
        f"{g}{' (reference)' if g == results.reference else ''}: "
        f"{plural(int(counts.get(g, 0)), 'participant')}"
        for g in results.groups
    )
    rows = [("Design", str(plan.get("design", "")).replace("_", " "))]
    if results.is_crossover:
        names = [f"{a}{' (reference)' if a == results.reference else ''}" for a in results.arms]
        listed = f"{join(names)}, each participant one after the other; {listed}"
    rows.append(("Arms", listed))
    visits = [
        v
        + (" (baseline)" if v == plan.get("baseline") != "baseline" else "")
        + (" (primary)" if v == plan.get("primary_visit") else "")
        for v in results.visits
    ]
    rows.append(("Visits", ", ".join(visits)))
    kinds = controls(results)
    rows.append(("Controls", ", ".join(f"{n} {k}" for k, n in sorted(kinds.items())) or "none sequenced"))
    for key, name in (("strata", "Strata"), ("covariates", "Covariates")):
        if plan.get(key):
            rows.append((name, ", ".join(map(str, plan[key]))))
    return rows


def estimand_rows(results: Results) -> list[tuple[str, str]]:
    """Return the estimand (ICH E9 R1) attribute by attribute."""
    block = results.plan.get("estimand") or {}
    other = [a for a in results.arms if a != results.reference]
    treatment = (
        f"{', '.join(other)} against {results.reference}" if results.reference and other else "no comparison"
    )
    events = "; ".join(
        f"{e.get('event')}: {str(e.get('strategy')).replace('_', ' ')}"
        for e in block.get("intercurrent_events") or []
    )
    return [
        ("Population", str(block.get("population") or "not stated in the plan")),
        ("Treatments", treatment),
        ("Variable", str(block.get("variable") or "not stated in the plan")),
        ("Intercurrent events", events or "none stated in the plan"),
        ("Summary measure", str(block.get("summary") or "not stated in the plan")),
    ]


def limits(results: Results) -> list[str]:
    """Return what the reader must not conclude."""
    said = list(banners(results))
    said += [str(n) for n in results.design.get("notes") or []]
    said.append(
        "Sequencing gives relative abundances: a share can rise because others fall. Log-ratios lessen, but "
        "do not remove, this limit; absolute amounts were not measured."
    )
    marked = sorted(n for n, p in results.profiles.items() if p.meta.get("inferred"))
    if marked:
        said.append(f"Inferred from sequences and not measured: {', '.join(marked)}.")
    for name in marked:
        covered = pd.Series(results.profiles[name].meta.get("covered_share") or {}, dtype=float)
        if len(covered):
            low, middle, high = (percent(x, 1) for x in (covered.min(), covered.median(), covered.max()))
            said.append(
                f"{name}, inferred, not measured: what it is inferred from stands for {middle} of the median "
                f"sample ({low} to {high}); of the rest nothing is known."
            )
    said.append("An interval that contains zero is not evidence of no effect; look at what it still allows.")
    return [*said, NOT_ADVICE]


def embed(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
    )


def plotly_json(figure: Figure) -> dict[str, Any]:
    """Return a figure as plain JSON values."""
    assert figure.figure is not None
    found: dict[str, Any] = json.loads(figure.figure.to_json())
    return found


def render(results: Results, sections: list[Section], title: str) -> str:
    """Return the page.

    Parameters
    ----------
    results
        Of the run.
    sections
        From `all_sections`.
    title
        Title of the page; made from the arms when empty.
    """
    figures, tables = {}, {}
    for section in sections:
        for figure in section.figures:
            if figure.figure is not None:
                figures[figure.id] = plotly_json(figure)
            tables[figure.id] = to_tsv(figure.table.head(MAX_TABLE_ROWS))
            if len(figure.table) > MAX_TABLE_ROWS:
                figure.full_table = (
                    f"first {MAX_TABLE_ROWS} of {len(figure.table)} rows; all in tables/{figure.id}.tsv"
                )
    folder = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return folder.get_template("page.html").render(
        title=title or default_title(results),
        version=__version__,
        # Flow rules first: the page's dark mode overrides them.
        css="".join((HERE / name).read_text(encoding="utf-8") for name in ("flow.css", "page.css")),
        js=(HERE / "page.js").read_text(encoding="utf-8"),
        plotly=get_plotlyjs() if figures else "",
        figures=embed(figures),
        tables=embed(tables),
        banners=banners(results),
        simulated=bool(len(results.truth)),
        answer=answer(results),
        numbers=key_numbers(results),
        design=design_rows(results),
        estimand=estimand_rows(results),
        notes=[str(n) for n in results.design.get("notes") or []],
        summary=results.summary,
        sections=sections,
        methods=methods(results),
        versions=versions(results),
        references=references(results),
        citations=citations(results),
        limits=limits(results),
        confidence=f"{100 * results.confidence:g}",
    )


def default_title(results: Results) -> str:
    """Return a title that names the arms."""
    others = [a for a in results.arms if a != results.reference]
    if results.reference and others:
        return f"{', '.join(others)} against {results.reference}"
    return ", ".join(results.arms) or "Trial report"


def write_report(
    results: Results, page: str | Path, tables: str | Path, figures: str | Path, title: str = ""
) -> list[dict[str, str]]:
    """Write the page, the tables behind the figures, the figures and their manifest.

    Parameters
    ----------
    results
        Of the run.
    page
        The HTML file.
    tables, figures
        Folders, emptied first so that nothing of an earlier run stays.
    title
        Title of the page.

    Returns
    -------
    list of dict
        The manifest.
    """
    page, tables, figures = Path(page), Path(tables), Path(figures)
    for folder in (tables, figures):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    sections = all_sections(results)
    manifest = []
    taken: set[str] = set()
    for section in sections:
        for figure in section.figures:
            plain, count = figure.id, 2
            while figure.id.lower() in taken:
                figure.id, count = f"{plain}_{count}", count + 1
            taken.add(figure.id.lower())
            (tables / f"{figure.id}.tsv").write_text(to_tsv(figure.table), encoding="utf-8")
            if figure.figure is not None:
                name = f"{figure.id}.json"
                (figures / name).write_text(
                    json.dumps(plotly_json(figure), allow_nan=False), encoding="utf-8"
                )
            else:
                name = f"{figure.id}.svg"
                style = (HERE / "flow.css").read_text(encoding="utf-8")
                svg = figure.svg.replace(">", f"><style>{style}</style>", 1)
                (figures / name).write_text(svg, encoding="utf-8")
            manifest.append(
                {
                    "id": figure.id,
                    "title": figure.title,
                    "caption": figure.caption,
                    "alt": figure.alt,
                    "section": section.id,
                    "file": name,
                    "table": f"{figure.id}.tsv",
                    "profile": figure.source,
                    "note": figure.note,
                }
            )
    (figures / "manifest.json").write_text(
        json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(render(results, sections, title), encoding="utf-8")
    return manifest


def main(
    design: str,
    files: Iterable[str],
    page: str,
    tables: str,
    figures: str,
    settings: dict[str, Any],
    version_files: Iterable[str],
) -> None:
    """Read the results beside the design and write the report."""
    versions_given: dict[str, str] = {}
    for path in version_files:
        versions_given |= json.loads(Path(path).read_text(encoding="utf-8"))
    results = load_results(Path(design).parents[1], files, settings, versions_given)
    title = str((settings.get("report") or {}).get("title") or "")
    manifest = write_report(results, page, tables, figures, title)
    size = Path(page).stat().st_size / 1e6
    print(f"{len(manifest)} figures, page of {size:.1f} MB: {page}")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.design,
            list(snakemake.input),
            snakemake.output.page,
            snakemake.output.tables,
            snakemake.output.figures,
            dict(snakemake.params.settings),
            list(snakemake.input.versions),
        ),
        snakemake.log[0],
    )

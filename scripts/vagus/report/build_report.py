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
from vagus.report.first_page import answer, design_rows, estimand_rows, key_numbers
from vagus.report.load_results import Results, load_results
from vagus.report.methods import methods
from vagus.report.section import Section
from vagus.report.sections import all_sections
from vagus.report.sentences import NOT_ADVICE, banners, percent
from vagus.steps import run_step

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

HERE = Path(__file__).resolve().parent
# The page embeds at most this much of a table; the whole stands in the tables folder.
MAX_TABLE_ROWS = 4000


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

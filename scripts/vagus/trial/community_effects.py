"""What the arms did to the community as a whole, tested with one row per participant, and their courses."""

import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import pandas as pd

from vagus.design.model import Design, load_design
from vagus.errors import VagusError
from vagus.profile import Profile, read_profile
from vagus.steps import run_step
from vagus.trial.baseline_residual import residual
from vagus.trial.community_rows import COLUMNS, Group, beta_row, shift_row
from vagus.trial.courses import ORDINATION_COLUMNS, TRAJECTORY_COLUMNS, ordination, trajectories, volatility
from vagus.trial.crossover_community import IN_CROSSOVER, crossover_tests
from vagus.trial.estimands import why_not_between
from vagus.trial.permanova import Cloud, dispersion, permanova
from vagus.trial.permutation import Floats, Scheme, strata_of
from vagus.trial.rank_shift import rank_shift, stratum_ranks
from vagus.trial.spaces import Space, spaces
from vagus.trial.stacked import STACKED
from vagus.trial.two_periods import TwoPeriods, two_periods
from vagus.trial.values import adjustment_columns

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

TESTS = ("change", "residual", "interaction", "dispersion", "within", "volatility")
ALL_ARMS = "all arms"


@dataclass
class Community:
    """Results for one profile.

    Parameters
    ----------
    beta
        `COLUMNS`, one row per test, distance, visit and contrast.
    trajectories, ordination
        As of `vagus.trial.courses`.
    """

    beta: pd.DataFrame
    trajectories: pd.DataFrame
    ordination: pd.DataFrame


def check_tests(tests: Sequence[str]) -> None:
    """Refuse what must not be tested.

    Raises
    ------
    VagusError
        For `stacked`, with the reason and what to use; for an unknown name.
    """
    if "stacked" in tests:
        raise VagusError(f"config: trial.community has 'stacked', which {STACKED}")
    for name in tests:
        if name not in TESTS:
            raise VagusError(f"config: trial.community has {name!r}; allowed: {', '.join(TESTS)}")


def community_effects(
    profile: Profile,
    design: Design,
    tables: dict[str, pd.DataFrame] | None = None,
    tests: Sequence[str] = TESTS,
    permutations: int = 9999,
    pseudocount: float = 0.5,
    confidence: float = 0.95,
) -> Community:
    """Test the arms on the community as a whole, one row per participant throughout.

    - `change`: PERMANOVA on CLR(visit) - CLR(baseline);
    - `residual`: PERMANOVA on CLR(visit) with the baseline taken out by one slope per feature, pooled over
      arms;
    - `interaction`: arm by visit on any distance, arms of whole participants permuted; for two visits and
      Aitchison that is `change`, so it is left out there;
    - `dispersion`: whether changes scatter more in one arm;
    - `within`: how far participants moved from their baseline, by arm;
    - `volatility`: mean distance between consecutive visits, by arm.

    A crossover of two arms in two periods has tests of its own, see `crossover_tests`.

    Parameters
    ----------
    profile
        Any profile; of kind `score` all tables are empty.
    design
        The checked trial.
    tables
        Square distances between its samples, by name, in addition to those computed here.
    tests
        Of `TESTS`.
    permutations
        Random re-arrangements; all distinct ones when there are not more than twice as many.
    pseudocount
        Added to counts.
    confidence
        Level of the intervals.

    Returns
    -------
    Community
        Three tables. `beta` has no rows when the arms cannot be compared.

    Raises
    ------
    VagusError
        If a test is unknown or invalid, or the profile does not fit the design.
    """
    check_tests(tests)
    if profile.kind == "score":
        print(f"{profile.name}: scores are no community; the tables have no rows")
        return Community(_frame([], COLUMNS), _frame([], TRAJECTORY_COLUMNS), _frame([], ORDINATION_COLUMNS))
    reason = why_not_between(design)
    crossed = two_periods(design) if design.plan.get("design") == "crossover" else None
    if crossed is not None:
        reason = crossed if isinstance(crossed, str) else ""
        left = [t for t in tests if t not in IN_CROSSOVER]
        if left and not reason:
            print(f"{profile.name}: not made of a crossover: {', '.join(left)}")
    if reason:
        print(f"{profile.name}: {reason}")
    rows: list[dict[str, object]] = []
    ways, places = [], []
    for space in spaces(profile, design, tables or {}, pseudocount):
        way = trajectories(profile.name, space, design)
        ways.append(way)
        places.append(ordination(profile.name, space, design))
        if isinstance(crossed, TwoPeriods):
            rows += crossover_tests(space, design, crossed, tests, permutations, confidence)
        elif not reason:
            rows += _tests(space, way, design, tests, permutations, confidence)
    beta = pd.DataFrame(rows, columns=COLUMNS)
    beta["profile"] = profile.name
    return Community(beta, _frame(ways, TRAJECTORY_COLUMNS), _frame(places, ORDINATION_COLUMNS))


def _tests(
    space: Space,
    way: pd.DataFrame,
    design: Design,
    tests: Sequence[str],
    permutations: int,
    confidence: float,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    later = design.followup_visits
    far = way.set_index(["participant", "visit"])["to_baseline"]
    groups = [(visit, [design.baseline, visit]) for visit in later]
    if len(later) > 1:
        groups.append(("all", [design.baseline, *later]))
    for visit, visits in groups:
        for group in _groups(space, design, visits, visit, permutations):
            who, joint = group.participants, visit == "all"
            if "interaction" in tests and (joint or space.points is None):
                found = permanova(space.course(who, visits), group.scheme, who, group.adjust)
                rows.append(beta_row("interaction", space.name, visit, group, found))
            if joint:
                continue
            if space.points is not None:
                start, end = space.values(who, visits[0]), space.values(who, visit)
                if "change" in tests:
                    found = permanova(Cloud.of(end - start), group.scheme, who, group.adjust)
                    rows.append(beta_row("change", space.name, visit, group, found))
                if "residual" in tests:
                    cloud = Cloud.of(residual(start, end, group.adjust))
                    found = permanova(cloud, group.scheme, who, group.adjust)
                    rows.append(beta_row("residual", space.name, visit, group, found))
            if "dispersion" in tests:
                found = dispersion(space.course(who, visits), group.scheme, who)
                rows.append(beta_row("dispersion", space.name, visit, group, found))
            if "within" in tests:
                moved = np.array([far[(p, visit)] for p in who], dtype=np.float64)
                rows.append(_shift("within", space.name, visit, group, moved, confidence))
    if "volatility" in tests:
        for label, after in (("after baseline", True), ("all", False)):
            steps = volatility(way, design, after)
            # With one visit after the baseline the only step is the change itself.
            if len(later) < 2 or not len(steps):
                continue
            people = [p.participant for p in design.participants if p.participant in steps.index]
            for group in _contrasts(design, people, label, permutations):
                moved = steps.loc[group.participants].to_numpy(dtype=np.float64)
                rows.append(_shift("volatility", space.name, label, group, moved, confidence))
    return rows


def _groups(
    space: Space, design: Design, visits: Sequence[str], visit: str, permutations: int
) -> list[Group]:
    people = [p.participant for p in design.participants if space.has(p.participant, visits)]
    return _contrasts(design, people, visit, permutations)


def _contrasts(design: Design, people: list[str], visit: str, permutations: int) -> list[Group]:
    """Return who is compared: all arms at once when there are more than two, then each with the reference."""
    reference = str(design.reference_arm)
    others = [a for a in design.arms if a != reference]
    strata = [str(s) for s in design.plan.get("strata") or []]
    covariates = {p.participant: p.covariates for p in design.participants}
    arm_of = {p.participant: p.arm for p in design.participants}
    wanted = [(ALL_ARMS, others)] if len(others) > 1 else []
    wanted += [(f"{arm} vs {reference}", [arm]) for arm in others]
    given = adjustment_columns(design, people)
    complete = [bool(np.isfinite(row).all()) for row in given]
    found = []
    for contrast, arms in wanted:
        code = {a: i for i, a in enumerate([reference, *arms])}
        keep = [i for i, p in enumerate(people) if complete[i] and arm_of[p] in code]
        who = [people[i] for i in keep]
        # An arm that nobody is left of must not count as one.
        present = sorted({code[arm_of[p]] for p in who})
        arm = np.array([present.index(code[arm_of[p]]) for p in who], dtype=np.int64)
        stratum = strata_of([[covariates[p].get(s) for p in who] for s in strata], len(who))
        seed = (int(design.plan.get("seed", 1)), zlib.crc32(f"{visit}|{contrast}".encode()))
        missing = sum(1 for i, p in enumerate(people) if not complete[i] and arm_of[p] in code)
        note = f"{missing} left out for a missing stratum or covariate" if missing else ""
        scheme = Scheme(arm, stratum, permutations, seed, tuple(strata))
        adjust = given[keep] if given.shape[1] else None
        counts = [sum(arm_of[p] == reference for p in who), sum(arm_of[p] != reference for p in who)]
        found.append(Group(contrast, who, scheme, adjust, counts[1], counts[0], note))
    return found


def _shift(
    test: str, distance: str, visit: str, group: Group, values: Floats, confidence: float
) -> dict[str, object]:
    if group.contrast == ALL_ARMS:
        ranks = Cloud.of(stratum_ranks(values, group.scheme.stratum))
        # Ranks are centred inside strata already; covariates play no part in a rank test.
        row = beta_row(test, distance, visit, group, permanova(ranks, group.scheme, group.participants))
        row["note"] = "; ".join(filter(None, ["F of ranks inside strata", str(row["note"])]))
        return row
    return shift_row(test, distance, visit, group, values, rank_shift(values, group.scheme, confidence))


def _frame(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    parts = [p for p in parts if len(p)]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def main(
    profile: str,
    design: str,
    distances: list[str],
    outputs: tuple[str, str, str],
    tests: list[str],
    permutations: int,
    pseudocount: float,
    confidence: float,
) -> None:
    """Read a profile, the design and distances; write tests, trajectories and ordination."""
    tables = {Path(path).stem: pd.read_csv(path, sep="\t", index_col=0, dtype={0: str}) for path in distances}
    found = community_effects(
        read_profile(profile), load_design(design), tables, tests, permutations, pseudocount, confidence
    )
    for path, table in zip(outputs, (found.beta, found.trajectories, found.ordination), strict=True):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(path, sep="\t", index=False, float_format="%.10g")
        print(f"{Path(path).parent.name}/{Path(path).name}: {len(table)} rows")


if "snakemake" in globals():
    run_step(
        lambda: main(
            snakemake.input.profile,
            snakemake.input.design,
            list(snakemake.input.get("distances", [])),
            (snakemake.output.beta, snakemake.output.trajectories, snakemake.output.ordination),
            snakemake.params.tests,
            snakemake.params.permutations,
            snakemake.params.pseudocount,
            snakemake.params.confidence,
        ),
        snakemake.log[0],
    )

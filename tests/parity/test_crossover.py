"""The crossover's models against base R, lme4 and lmerTest (stored outputs of crossover.R)."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vagus.trial.crossover import fit_crossover

DATA = Path(__file__).parent / "data"
TWO, MORE = ["plain", "unbalanced", "baselines"], ["three_arms", "three_periods"]


def fitted(scenario):
    rows = pd.read_csv(DATA / "crossover_input.tsv", sep="\t").query("scenario == @scenario")
    people = rows.drop_duplicates("participant").set_index("participant")["sequence"]
    features, periods = sorted(rows["feature"].unique()), sorted(rows["period"].unique())

    def cube(column):
        wide = [
            rows[rows["period"] == p].pivot(index="participant", columns="feature", values=column)
            for p in periods
        ]
        return np.stack([w.reindex(index=people.index, columns=features) for w in wide])

    before = cube("before") if rows["before"].notna().any() else None
    arms = sorted(rows["given"].unique())
    given = np.array([[arms.index(s[i]) for s in people] for i in range(len(periods))])
    sequence = pd.factorize(people)[0]
    fit, carry = fit_crossover(cube("after"), before, given, sequence, arms, "v")
    expected = pd.read_csv(DATA / "crossover_expected.tsv", sep="\t").query("scenario == @scenario")
    return fit, carry, expected.set_index(["arm", "feature"]), features


@pytest.mark.parametrize("scenario", [*TWO, *MORE])
def test_agrees_with_r(scenario):
    fit, _, expected, features = fitted(scenario)
    assert set(fit.status.ravel()) == {"ok"}
    assert fit.estimate.size == len(expected)
    relative = 1e-6 if scenario in TWO else 1e-4
    for i, contrast in enumerate(fit.contrasts):
        r = expected.loc[[(contrast[0], f) for f in features]]
        for name in ("estimate", "std_error", "df", "p_value"):
            np.testing.assert_allclose(getattr(fit, name)[i], r[name], rtol=relative, err_msg=name)


@pytest.mark.parametrize("scenario", TWO)
def test_carry_over_agrees_with_r(scenario):
    _, carry, expected, features = fitted(scenario)
    r = expected.loc[[("B", f) for f in features]]
    np.testing.assert_allclose(carry.estimate, r["carry"], rtol=1e-6)
    np.testing.assert_allclose(carry.p_value, r["carry_p"], rtol=1e-6)


@pytest.mark.parametrize("scenario", MORE)
def test_beyond_two_periods_carry_over_is_not_looked_at(scenario):
    assert fitted(scenario)[1] is None

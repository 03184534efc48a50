"""Stored trials of the mixed models, their fits, and the comparison with what R made of them."""

from pathlib import Path

import numpy as np
import pandas as pd

from vagus.trial.clda import fit_clda

DATA = Path(__file__).parent / "data"
RELATIVE = 1e-4


def stored(kind, scenario):
    """Return the input and what R expects of it; `kind` is that of the files."""
    inputs, expected = (pd.read_csv(DATA / f"{kind}_{name}.tsv", sep="\t") for name in ("input", "expected"))
    return inputs[inputs["scenario"] == scenario], expected[expected["scenario"] == scenario]


def fitted(rows, small=False):
    """Fit the stored input, with slopes where it says when the visits are; return fit and features."""
    people = rows.drop_duplicates("participant").set_index("participant")
    visits, features = sorted(rows["visit"].unique()), sorted(rows["feature"].unique())
    cube = np.stack(
        [
            rows[rows["visit"] == v]
            .pivot(index="participant", columns="feature", values="value")
            .reindex(index=people.index, columns=features)
            for v in visits
        ]
    )
    arms = ["placebo", *[a for a in people["arm"].unique() if a != "placebo"]]
    adjust, times = None, None
    if people["site"].notna().all():
        dummies = pd.get_dummies(people["site"], drop_first=True, dtype=float).to_numpy()
        adjust = np.column_stack([dummies, people["age"]])
    if "week" in rows:
        times = rows.drop_duplicates("visit").set_index("visit").loc[visits, "week"].to_numpy(float)
    arm = people["arm"].map(arms.index).to_numpy()
    return fit_clda(cube, arm, arms, visits, adjust, times=times, small=small), features


def compare(kind, scenario, small):
    """Hold every estimate, error, df and p against R's: lmerTest's, or pbkrtest's if `small`."""
    rows, expected = stored(kind, scenario)
    fit, features = fitted(rows, small)
    assert set(fit.status.ravel()) == {"ok"}
    assert len(fit.contrasts) * len(features) == len(expected)
    expected = expected.set_index(["arm", "visit", "feature"])
    for i, (contrast, visit) in enumerate(zip(fit.contrasts, fit.visits, strict=True)):
        r = expected.loc[[(contrast.removesuffix(" vs placebo"), visit, f) for f in features]]
        for name in ("estimate", "std_error", "df", "p_value"):
            other = f"{name}_kr" if small and name != "estimate" else name
            np.testing.assert_allclose(
                getattr(fit, name)[i], r[other], rtol=RELATIVE, err_msg=f"{contrast} {visit} {name}"
            )

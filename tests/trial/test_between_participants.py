"""Comparisons of participants are refused where a participant has more than one treatment."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from trial_designs import make_design, make_profile, sample_ids

from vagus.design.model import Design
from vagus.profile import Profile
from vagus.trial.interaction_effects import interaction_effects
from vagus.trial.sensitivity import sensitivity


@pytest.mark.parametrize("analyse", [interaction_effects, sensitivity])
def test_a_crossover_has_no_rows_and_says_why(
    analyse: Callable[[Profile, Design], pd.DataFrame], capsys: pytest.CaptureFixture[str]
) -> None:
    arms = ("placebo",) * 8 + ("probiotic",) * 8
    counts = np.random.default_rng(1).poisson(2, (32, 6))
    for kind, rows in (("parallel", True), ("crossover", False)):
        design = make_design(arms, design=kind)
        design.plan["interactions"] = ["baseline"]
        table = analyse(make_profile(counts, sample_ids(design)), design)
        assert bool(len(table)) == rows, kind
    assert "a crossover design gives a participant more than one treatment" in capsys.readouterr().out

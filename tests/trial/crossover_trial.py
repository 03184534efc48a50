"""A small crossover of two arms in two periods."""

import numpy as np
from trial_designs import make_design, sample_ids

SEQUENCES = {"AB": ["placebo", "probiotic"], "BA": ["probiotic", "placebo"]}


def crossover_design(n=16, starts=True, **more):
    """Return a design with visits s1, e1, s2, e2 (or the ends alone), and its samples in order."""
    visits = ("s1", "e1", "s2", "e2") if starts else ("e1", "e2")
    first = tuple(SEQUENCES[name][0] for name in orders(n))
    design = make_design(first, visits=visits, design="crossover", **more)
    design.plan |= {
        "arms": ["placebo", "probiotic"], "sequences": dict(SEQUENCES), "baseline": visits[0],
        "periods": [{"before": f"s{k}" if starts else None, "after": f"e{k}"} for k in (1, 2)],
    }  # fmt: skip
    for person, name in zip(design.participants, orders(n), strict=True):
        person.sequence = name
    return design, sample_ids(design)


def orders(n):
    """Return the sequence of each participant."""
    return ["AB" if i % 2 == 0 else "BA" for i in range(n)]


def given(n):
    """Return (2, n) whether the arm was had in the period."""
    return np.array([[arm == "probiotic" for arm in SEQUENCES[name]] for name in orders(n)]).T

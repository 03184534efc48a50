"""Small trials for the tests of this floor."""

import numpy as np
from scipy import sparse

from vagus.design.model import Design, Participant, Sample
from vagus.profile import Profile


def make_design(
    arms=("placebo",) * 4 + ("probiotic",) * 4,
    visits=("v1", "v2"),
    reference="placebo",
    covariates=None,
    strata=(),
    adjust=(),
    families=(),
    design="parallel",
    can_compare_arms=True,
):
    names = list(dict.fromkeys(arms))
    people = [
        Participant(f"P{i}", arm, covariates=(covariates[i] if covariates else {}))
        for i, arm in enumerate(arms)
    ]
    samples = [
        Sample(f"P{i}_{visit}", f"P{i}", visit, "amplicon", "stool")
        for i in range(len(arms))
        for visit in visits
    ]
    samples.append(Sample("NEG", None, None, "amplicon", "negative"))
    plan = {
        "design": design,
        "arms": names,
        "reference_arm": reference,
        "visits": list(visits),
        "baseline": visits[0],
        "primary_visit": visits[-1],
        "strata": list(strata),
        "covariates": list(adjust),
        "estimand": {
            "population": "all randomised",
            "variable": "HAM-D",
            "intercurrent_events": [{"event": "antibiotics", "strategy": "treatment_policy"}],
            "summary": "difference in means",
        },
        "families": list(families),
        "responder": None,
        "seed": 1,
    }
    return Design(plan, people, samples, can_compare_arms=can_compare_arms)


def make_profile(values, samples, name="amplicon.genus", kind="counts", features=None, **meta):
    """Build a profile from samples x features."""
    values = np.asarray(values, dtype=float)
    features = features or [f"f{j}" for j in range(values.shape[1])]
    return Profile(name, sparse.csr_array(values.T), features, list(samples), meta={"kind": kind, **meta})


def sample_ids(design):
    return [s.sample for s in design.samples if s.type == "stool"]


def score_profile(design, start, later, name="panel.clinical", **meta):
    """Build a score profile of two visits from participants x features."""
    first, second = design.visits[0], design.visits[1]
    people = [p.participant for p in design.participants]
    ids = [f"{p}|{first}" for p in people] + [f"{p}|{second}" for p in people]
    return make_profile(np.vstack([start, later]), ids, name, "score", **meta)

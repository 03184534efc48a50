"""Which taxa of a profile have a model, and how much of each sample that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from vagus.design.flux_inputs import Model, clean_name
from vagus.profile import Profile

RANK_PLACE = {"genus": 5, "species": 6}
BY_NAME, BY_SYNONYM, UNMATCHED = "name", "synonym", ""
TAXON_COLUMNS = ["taxon", "model", "matched_by", "samples", "mean_share"]


@dataclass(frozen=True)
class Matched:
    """The communities of a profile.

    Parameters
    ----------
    shares
        Samples x models (by id): shares of the whole sample, those below the cutoff being 0.
    covered
        Sum of the shares of each sample that have a model, before the cutoff.
    taxa
        `TAXON_COLUMNS`: every taxon of the profile, with its model or none.
    """

    shares: pd.DataFrame
    covered: pd.Series
    taxa: pd.DataFrame


def taxon_name(feature: str, lineage: Sequence[str], rank: str) -> str:
    """Return a feature's name at a rank.

    The lineage knows it; without one the feature's own name does, of which the genus is the first word. A
    lineage may end in a species or hold its epithet alone.

    Parameters
    ----------
    feature
        As the profile calls it.
    lineage
        From the domain down; may be empty.
    rank
        `genus` or `species`.
    """
    place = RANK_PLACE[rank]
    if len(lineage) > place and lineage[place]:
        name = lineage[place]
        genus = lineage[RANK_PLACE["genus"]]
        if rank == "species" and genus and " " not in clean_name(name):
            return f"{genus} {name}"
        return name
    if lineage:
        return feature if len(lineage) <= place and rank == "species" else ""
    plain = feature.replace("|", ";").split(";")[-1].strip()
    return clean_name(plain).split(" ")[0] if rank == "genus" else plain


def whole_sample(profile: Profile) -> np.ndarray:
    """Return what each column adds up to with what has no name (`meta["unclassified"]`, a share)."""
    named = np.asarray(profile.table.sum(axis=0)).ravel()
    unnamed = profile.meta.get("unclassified") or {}
    share = np.array([float(unnamed.get(s, 0.0)) for s in profile.samples])
    return named / np.where(share < 1, 1 - share, 1.0)


def match_taxa(
    profile: Profile,
    models: Sequence[Model],
    rank: str,
    synonyms: Mapping[str, str],
    min_abundance: float,
) -> Matched:
    """Match the taxa of a profile with models by their names, and with nothing else.

    Parameters
    ----------
    profile
        Taxa x samples, counts or shares.
    models
        Of the database.
    rank
        `genus` or `species`.
    synonyms
        Cleaned name of a taxon -> cleaned name of a model's taxon; goes before the name itself.
    min_abundance
        Smaller shares of a sample get no model.

    Returns
    -------
    Matched
        Models of several taxa (species of a genus) take the sum.
    """
    by_name = {clean_name(m.name): m for m in models}
    total = whole_sample(profile)
    scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    values = sparse.csr_array(profile.table @ sparse.diags_array(scale))
    seen = np.asarray((values > 0).sum(axis=1)).ravel()
    mean = np.asarray(values.sum(axis=1)).ravel() / max(1, len(profile.samples))
    place = {m.id: i for i, m in enumerate(models)}
    rows, pairs = [], []
    for i, feature in enumerate(profile.features):
        name = clean_name(taxon_name(feature, profile.taxonomy.get(feature, []), rank))
        model = by_name.get(synonyms.get(name, name))
        how = UNMATCHED if model is None else BY_SYNONYM if name in synonyms else BY_NAME
        rows.append([feature, model.name if model else "", how, int(seen[i]), float(mean[i])])
        if model is not None:
            pairs.append((place[model.id], i))
    picked = np.array(pairs, dtype=int).reshape(-1, 2).T
    adder = sparse.csr_array(
        (np.ones(picked.shape[1]), (picked[0], picked[1])), shape=(len(models), len(rows))
    )
    shares: np.ndarray = np.asarray((adder @ values).toarray(), dtype=np.float64)
    covered = pd.Series(shares.sum(axis=0), index=profile.samples)
    shares[(shares < min_abundance) | (shares <= 0)] = 0.0
    taxa = pd.DataFrame(rows, columns=TAXON_COLUMNS).sort_values(
        ["mean_share", "taxon"], ascending=[False, True]
    )
    return Matched(pd.DataFrame(shares.T, profile.samples, [m.id for m in models]), covered, taxa)


def leave_out(matched: Matched, min_covered: float) -> dict[str, str]:
    """Return the samples that no community model can stand for, and why.

    Parameters
    ----------
    matched
        See `match_taxa`.
    min_covered
        Least share of a sample that must have models.
    """
    gone = {}
    kept = matched.shares.sum(axis=1)
    for sample, covered in matched.covered.items():
        if covered <= 0:
            gone[str(sample)] = "no taxon of it has a model in the database"
        elif covered < min_covered - 1e-9:
            gone[str(sample)] = (
                f"taxa with a model are {100 * covered:.3g} % of it, "
                f"less than fluxes.min_covered ({100 * min_covered:.3g} %)"
            )
        elif kept[str(sample)] <= 0:
            gone[str(sample)] = "no taxon with a model reaches fluxes.min_abundance"
    return gone

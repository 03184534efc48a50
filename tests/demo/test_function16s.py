"""The demo's reference for functions from 16S genes, and the truth of what is inferred with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vagus.demo.function16s import (
    compute_function_truth,
    draw_copies,
    gene_counts,
    read_function_settings,
    write_function_reference,
)
from vagus.demo.settings import read_settings
from vagus.demo.templates import REFERENCE_NAME, Template, choose_templates, find_extdata, read_templates
from vagus.errors import VagusError
from vagus.function16s.reference_tables import find_reference, plain_sequences, read_copies, read_genes

CONFIG = Path(__file__).parents[2] / "config" / "demo"
FUNCTION = read_function_settings([CONFIG / "function16s.yaml"])
SETTINGS = read_settings([CONFIG / "demo.yaml"])


@pytest.fixture(scope="module")
def community() -> list[Template]:
    try:
        source = find_extdata()
    except VagusError as error:
        pytest.skip(str(error))
    reference = read_templates(source / REFERENCE_NAME, SETTINGS.forward_primer, SETTINGS.reverse_primer)
    return choose_templates(reference, SETTINGS.templates)


def test_the_reference_holds_what_the_settings_say(tmp_path: Path, community: list[Template]) -> None:
    write_function_reference(tmp_path, FUNCTION, community, 5)
    reference = find_reference(tmp_path / "function16s")
    genes = dict(plain_sequences([reference]))
    genus = {t.accession: t.rank("genus") for t in community}
    assert set(genes) == {a for a, g in genus.items() if g not in FUNCTION.absent}
    assert len(genes) < len(community)
    assert set(read_copies(reference.copies).values()) <= set(range(1, 9))
    counts, names, genomes = read_genes(reference.tables["ko"], "ko", list(genes))
    has = dict(zip(names, counts.toarray(), strict=True))
    assert (has["K02863"] == 1).all()
    assert {genus[a] for a, n in zip(genomes, has["K01667"], strict=True) if n} == {
        "Bacteroides",
        "Alistipes",
    }
    before = {p: p.read_bytes() for p in (tmp_path / "function16s").rglob("*") if p.is_file()}
    write_function_reference(tmp_path, FUNCTION, community, 5)
    assert all(p.read_bytes() == text for p, text in before.items())


def test_the_truth_is_that_of_two_worlds(community: list[Template]) -> None:
    truth = compute_function_truth(SETTINGS, FUNCTION, community, 5).set_index("feature")["truth"]
    # The target has GABA_gad and BSH; what it does not have is diluted, alike for all.
    assert truth["GABA_gad"] > 0.2
    assert truth["BSH"] > 0.2
    assert truth["INDOLE"] < 0
    assert truth["INDOLE"] == pytest.approx(truth["HISTAMINE"], abs=1e-3)
    null = read_settings([CONFIG / "demo.yaml", CONFIG / "null.yaml"])
    assert (compute_function_truth(null, FUNCTION, community, 5)["truth"] == 0).all()


def test_genes_and_copies_have_the_shape_of_the_community(community: list[Template]) -> None:
    counts = gene_counts(FUNCTION, community)
    assert counts.shape == (len(community), len(FUNCTION.kos))
    assert np.array_equal(draw_copies(FUNCTION, community, 5), draw_copies(FUNCTION, community, 5))


def test_settings_that_contradict_are_refused(tmp_path: Path, community: list[Template]) -> None:
    more = tmp_path / "more.yaml"
    more.write_text("truth: {INDOLE: K99999}\n")
    with pytest.raises(VagusError, match="truth of INDOLE: no genome has K99999"):
        read_function_settings([CONFIG / "function16s.yaml", more])
    more.write_text("absent: [Nobody]\n")
    with pytest.raises(VagusError, match="genus Nobody is not in the community"):
        gene_counts(read_function_settings([CONFIG / "function16s.yaml", more]), community)

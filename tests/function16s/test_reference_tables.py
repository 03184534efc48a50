"""References in PICRUSt2's layout are read as they are, and what is wrong with them is said."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from function16s.made_reference import write_reference

from vagus.errors import VagusError
from vagus.function16s.reference_tables import find_reference, plain_sequences, read_copies, read_genes

ARCHAEA = Path(__file__).parents[3] / "shared" / "data" / "picrust2_archaea"
GENES = {"g1": "ACGT" * 30, "g2": "TTGA" * 30}


def made(folder: Path) -> Path:
    return write_reference(
        folder, GENES, {"g1": 2, "g2": 5}, {"g1": {"K00001": 1, "K00002": 3}, "g2": {"K00002": 2}}
    )


def test_the_parts_are_found_and_read(tmp_path: Path) -> None:
    reference = find_reference(made(tmp_path))
    assert set(reference.tables) == {"ko"}
    assert read_copies(reference.copies) == {"g1": 2, "g2": 5}
    assert dict(plain_sequences([reference])) == GENES
    counts, names, genomes = read_genes(reference.tables["ko"], "ko", ["g2", "g1", "none"])
    assert (names, genomes) == (["K00001", "K00002"], ["g1", "g2"])
    assert counts.toarray().tolist() == [[1, 0], [3, 2]]


def test_genes_that_no_wanted_genome_has_are_left_out(tmp_path: Path) -> None:
    counts, names, genomes = read_genes(find_reference(made(tmp_path)).tables["ko"], "ko", ["g2"])
    assert (names, genomes, counts.toarray().tolist()) == (["K00002"], ["g2"], [[2]])


def test_a_genome_of_no_counted_copies_has_one(tmp_path: Path) -> None:
    path = tmp_path / "16S.txt"
    path.write_text("assembly\t16S_rRNA_Count\na\t0\nb\t1.5\n")
    assert read_copies(path) == {"a": 1, "b": 1.5}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("16S.txt.gz", None, "no table of 16S copies (16S.txt.gz)"),
        ("ko.txt.gz", None, "no table of gene counts"),
        ("made_ref/made_ref.fna", None, "no FASTA of 16S sequences"),
        ("16S.txt", "assembly\tn\n", "2 files could be the table of 16S copies"),
        ("other.fna", ">x\nACGT\n", "2 files could be the FASTA"),
        ("ko.txt.gz", "assembly\tgene1\n", "the header is not that of this table (value 'assembly\\tgene1')"),
        ("16S.txt.gz", "assembly\ta\tb\n", "allowed: two columns, genome and number of 16S copies"),
    ],
)
def test_a_folder_that_is_no_reference_is_refused(
    tmp_path: Path, name: str, text: str | None, said: str
) -> None:
    made(tmp_path)
    if text is None:
        (tmp_path / name).unlink()
    elif name.endswith(".gz"):
        with gzip.open(tmp_path / name, "wt") as handle:
            handle.write(text)
    else:
        (tmp_path / name).write_text(text)
    with pytest.raises(VagusError) as caught:
        find_reference(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("g1\t1\tmany\n", "row 2, column 'ko:K00002': not a number (value 'many')"),
        ("g1\t1\n", "row 2: 1 counts where the header has 2"),
        ("g1\t1\t2\ng1\t1\t2\n", "genome stands twice (value 'g1')"),
    ],
)
def test_a_broken_gene_table_names_the_cell(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "ko.txt"
    path.write_text("assembly\tko:K00001\tko:K00002\n" + line)
    with pytest.raises(VagusError) as caught:
        read_genes(path, "ko", ["g1"])
    assert said in str(caught.value)


def test_a_broken_copy_number_names_the_row(tmp_path: Path) -> None:
    path = tmp_path / "16S.txt"
    path.write_text("assembly\tn\na\t3\nb\t-2\n")
    with pytest.raises(VagusError, match=r"row 3, column '2': not a number of 16S copies \(value '-2'\)"):
        read_copies(path)


def test_a_genome_in_two_references_is_refused(tmp_path: Path) -> None:
    both = [find_reference(made(tmp_path / name)) for name in ("a", "b")]
    with pytest.raises(VagusError, match=r"genome stands in .*a/made_ref/made_ref\.fna too"):
        list(plain_sequences(both))


@pytest.mark.skipif(not ARCHAEA.is_dir(), reason="needs ../shared/data/picrust2_archaea")
@pytest.mark.parametrize("trait", ["ko", "ec"])
def test_picrust2s_archaea_are_read_as_pandas_reads_them(trait: str) -> None:
    reference = find_reference(ARCHAEA)
    table = pd.read_csv(reference.tables[trait], sep="\t", index_col=0, dtype={"assembly": str})
    table.columns = [c.removeprefix("ko:") for c in table.columns]
    some = list(table.index[::50])
    counts, names, genomes = read_genes(reference.tables[trait], trait, some)
    whole = table.loc[genomes]
    whole = whole.loc[:, (whole != 0).any()]
    assert genomes == some
    assert sorted(whole.columns) == names
    assert np.array_equal(counts.toarray(), whole[names].to_numpy().T)
    copies = read_copies(reference.copies)
    assert len(copies) == 1002
    assert set(copies) == set(table.index) == {g for g, _ in plain_sequences([reference])}

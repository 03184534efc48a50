from pathlib import Path

import pytest

from vagus.errors import VagusError
from vagus.shotgun.metaphlan_taxa import metaphlan_command, parse_profile
from vagus.shotgun.tables import SampleReads

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TREE = "k__Bacteria|p__P|c__C|o__O|f__F|g__G|s__G_one"
STATS = [
    "#mpa_vJun23_CHOCOPhlAnSGB_202403", "#1000 reads processed", "#SampleID\tMetaphlan_Analysis",
    "#clade_name\tclade_taxid\trelative_abundance\tcoverage\testimated_number_of_reads_from_the_clade",
    "UNCLASSIFIED\t-1\t25.0\t-\t250", "k__Bacteria\t2\t75.0\t1.0\t750", f"{TREE}\t2|1\t75.0\t1.0\t750",
    f"{TREE}|t__SGB1\t2|1|\t75.0\t1.0\t750",
]  # fmt: skip
PLAIN = ["#mpa_v30", "#clade_name\tNCBI_tax_id\trelative_abundance\tadditional_species",
         "UNKNOWN\t-1\t25.0\t",
         "k__Bacteria\t2\t75.0\t", f"{TREE}\t2|1\t75.0\t"]  # fmt: skip


@pytest.mark.parametrize("lines", [STATS, PLAIN])
def test_formats(lines):
    assert parse_profile(lines, "p") == pytest.approx(
        {"Bacteria;P;C;O;F;G;G one": 0.75, "unclassified": 0.25}
    )


def test_refusals():
    with pytest.raises(VagusError, match="no header"):
        parse_profile([], "p")
    with pytest.raises(VagusError, match="add up to"):
        parse_profile([line for line in STATS if not line.startswith("UNCLASS")], "p")


def test_flags_of_the_versions():
    reads = SampleReads("s", [(Path("a_R1.fastq.gz"), Path("a_R2.fastq.gz"))], [Path("b.fastq.gz")])
    old = metaphlan_command("4.1.1", reads, "db", "", Path("t"), 2)
    new = metaphlan_command("4.2.4", reads, "db", "idx", Path("t"), 2)
    assert old[1] == "a_R1.fastq.gz,a_R2.fastq.gz,b.fastq.gz"
    assert {"--bowtie2db", "--bowtie2out", "--unclassified_estimation"} <= set(old)
    assert {"--db_dir", "--mapout", "--index"} <= set(new)
    assert not {"--bowtie2db", "--unclassified_estimation"} & set(new)
    with pytest.raises(VagusError, match="allowed: 4"):
        metaphlan_command("3.1.0", reads, "db", "", Path("t"), 2)


def test_real_files():
    one = DATA / "humann_demo_2016/humann2/tests/data/demo_metaphlan_bugs_list.tsv"
    many = DATA / "import_fixtures/inst/extdata/merged_abundance_table.txt"
    if not one.exists() or not many.exists():
        pytest.skip("the real data folders are not here")
    found = parse_profile(one.read_text().splitlines(), "one")
    assert {k.split(";")[-1]: round(v, 7) for k, v in found.items()} == {
        "Bacteroides stercoris": 0.6522463, "Bacteroides thetaiotaomicron": 0.3477537, "unclassified": 0,
    }  # fmt: skip
    with pytest.raises(VagusError, match="of 6 samples"):
        parse_profile(many.read_text().splitlines(), "many")

"""Denoising in R: rates and counts are those of DADA2; single-end and empty libraries pass."""

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "vagus" / "amplicon"

# The reads are the examples that DADA2 installs with itself.
DRIVER = """
invisible(suppressPackageStartupMessages(loadNamespace("dada2")))
source("{scripts}/learn_errors.R"); source("{scripts}/denoise_reads.R"); source("{scripts}/classify_dada2.R")
extdata <- system.file("extdata", package = "dada2")
dir.create("f")
for (s in c("1", "2")) for (d in c("F", "R")) {{
  to <- file.path("f", paste0("sam", s, "__r_R", if (d == "F") 1 else 2, ".fastq.gz"))
  cut <- if (d == "F") 240 else 200
  from <- file.path(extdata, paste0("sam", s, d, ".fastq.gz"))
  dada2::filterAndTrim(from, to, truncLen = cut, maxEE = Inf, rm.phix = FALSE)
}}
n <- sapply(1:2, function(s) length(readLines(sprintf("f/sam%d__r_R1.fastq.gz", s))) / 4)
m <- sapply(1:2, function(s) length(readLines(sprintf("f/sam%d__r_R2.fastq.gz", s))) / 4)
stopifnot(all(n == m))
units <- data.frame(
  sample = c("bare", "sam1", "sam2"), run = "r", paired = 1, reads_in = c(0, n), reads_out = c(0, n)
)
write.table(units, "f/counts.tsv", sep = "\\t", quote = FALSE, row.names = FALSE)
options <- list(nbases = 1e8, min_overlap = 12, pool = "none")
ours <- denoise_run(read_units("f"), options, 2)
f <- sprintf("f/sam%d__r_R1.fastq.gz", 1:2); r <- sprintf("f/sam%d__r_R2.fastq.gz", 1:2)
ef <- suppressWarnings(dada2::learnErrors(f, verbose = 0))
er <- suppressWarnings(dada2::learnErrors(r, verbose = 0))
cat("rates", identical(ours$errors$F$err_out, ef$err_out),
  identical(ours$errors$R$err_out, er$err_out), "\\n")
df <- dada2::dada(f, ef, verbose = FALSE); dr <- dada2::dada(r, er, verbose = FALSE)
table <- dada2::makeSequenceTable(dada2::mergePairs(df, f, dr, r))
mine <- xtabs(count ~ sample + sequence, ours$counts)[, colnames(table)]
cat("counts", all(mine == table), sum(table) > 0, "\\n")
cat("bare", unlist(ours$track[ours$track$sample == "bare", c("filtered", "denoised", "merged")]), "\\n")
single <- transform(read_units("f"), paired = 0, reverse = "")
alone <- denoise_run(single, options, 2)
cat("single", identical(alone$track$denoised, alone$track$merged),
  nrow(alone$counts) > 0, is.null(alone$errors$R), "\\n")
cat("learned", identical(sum(alone$counts$count), sum(sapply(df, function(d) sum(d$denoised)))), "\\n")
nothing <- denoise_run(transform(single, reads_out = 0), options, 2)
cat("nothing", nrow(nothing$counts), nrow(tabulate_errors(nothing$errors)), "\\n")
cat("unnamed", nrow(classify(character(), "none", 50, 1, 1)), "\\n")
"""


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the driver once; return its lines by their first word."""
    if not shutil.which("Rscript"):
        pytest.skip("R is not there")
    folder = tmp_path_factory.mktemp("denoise")
    (folder / "driver.R").write_text(DRIVER.format(scripts=SCRIPTS))
    done = subprocess.run(["Rscript", "driver.R"], cwd=folder, capture_output=True, text=True)
    if "there is no package called" in done.stderr:
        pytest.skip("DADA2 is not installed")
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("rates", "TRUE TRUE"),
        ("counts", "TRUE TRUE"),
        ("bare", "0 0 0"),
        ("single", "TRUE TRUE TRUE"),
        ("learned", "TRUE"),
        ("nothing", "0 0"),
        ("unnamed", "0"),
    ],
)
def test_the_run_is_denoised_as_dada2_does(words: dict[str, str], word: str, expected: str) -> None:
    assert words[word].strip() == expected

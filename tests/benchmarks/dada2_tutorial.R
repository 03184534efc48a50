# The plain DADA2 road in one R process, as its documentation lays it out: the yardstick of test_speed_dada2.py.
#
# usage: Rscript dada2_tutorial.R <folder of *_R1*.fastq.gz and *_R2*> <reference.fa.gz> <output folder>
#
# It writes counts.tsv (sequence, sample, count), taxonomy.tsv and seconds.tsv (step, seconds).

suppressPackageStartupMessages(library(dada2))

arguments <- commandArgs(trailingOnly = TRUE)
if (length(arguments) != 3) stop("give the folder of reads, the reference and the output folder")
reads <- arguments[[1]]
reference <- arguments[[2]]
out <- arguments[[3]]
dir.create(out, showWarnings = FALSE, recursive = TRUE)

seconds <- list()
timed <- function(step, value) {
  seconds[[step]] <<- system.time(value)[["elapsed"]]
  value
}

forward <- sort(list.files(reads, "_R1.*fastq.gz$", full.names = TRUE))
reverse <- sort(list.files(reads, "_R2.*fastq.gz$", full.names = TRUE))
samples <- sub("_.*$", "", basename(forward))
clean_f <- setNames(file.path(out, "filtered", paste0(samples, "_F.fastq.gz")), samples)
clean_r <- setNames(file.path(out, "filtered", paste0(samples, "_R.fastq.gz")), samples)

track <- timed("filterAndTrim", filterAndTrim(
  forward, clean_f, reverse, clean_r,
  truncLen = c(240, 160), maxN = 0, maxEE = c(2, 2), truncQ = 2, rm.phix = TRUE, multithread = TRUE
))
errors_f <- timed("learnErrors F", learnErrors(clean_f, multithread = TRUE))
errors_r <- timed("learnErrors R", learnErrors(clean_r, multithread = TRUE))
dada_f <- timed("dada F", dada(clean_f, err = errors_f, multithread = TRUE))
dada_r <- timed("dada R", dada(clean_r, err = errors_r, multithread = TRUE))
pairs <- timed("mergePairs", mergePairs(dada_f, clean_f, dada_r, clean_r))
table <- makeSequenceTable(pairs)
table <- timed("removeBimeraDenovo", removeBimeraDenovo(table, method = "consensus", multithread = TRUE))
set.seed(100)
taxonomy <- timed("assignTaxonomy", assignTaxonomy(table, reference, multithread = TRUE))

cells <- which(table > 0, arr.ind = TRUE)
counts <- data.frame(
  sequence = colnames(table)[cells[, 2]], sample = rownames(table)[cells[, 1]], count = table[cells]
)
save_tsv <- function(frame, name) {
  write.table(frame, file.path(out, name), sep = "\t", quote = FALSE, row.names = FALSE, na = "")
}
save_tsv(counts, "counts.tsv")
save_tsv(data.frame(sequence = rownames(taxonomy), taxonomy, check.names = FALSE), "taxonomy.tsv")
save_tsv(data.frame(step = names(seconds), seconds = unlist(seconds)), "seconds.tsv")

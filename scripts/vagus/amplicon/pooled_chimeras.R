# Chimeras judged on the reads of all libraries together (config amplicon.chimera: pooled).

#' Name the chimeric sequences of the pooled libraries.
#'
#' @param counts Data frame with sequence and count.
#' @param threads Threads.
#' @return Character.
find_pooled <- function(counts, threads) {
  if (nrow(counts) == 0) return(character())
  totals <- vapply(split(counts$count, counts$sequence), sum, 1L)
  names(totals)[dada2::isBimeraDenovo(totals, multithread = threads, verbose = FALSE)]
}

if (exists("snakemake")) {
  source(file.path(snakemake@scriptdir, "run_logged.R"))
  with_log(snakemake@log[[1]], function() {
    columns <- c(sequence = "character", count = "integer")
    counts <- do.call(rbind, lapply(unlist(snakemake@input), function(path) {
      read.delim(path, colClasses = c(sample = "character", run = "character"))[, names(columns)]
    }))
    writeLines(find_pooled(counts, snakemake@threads), snakemake@output[[1]])
  })
}

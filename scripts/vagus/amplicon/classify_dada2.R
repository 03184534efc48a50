# Name sequences with DADA2's naive Bayes classifier (doi:10.1128/AEM.00062-07, doi:10.1038/nmeth.3869).

RANKS <- c("domain", "phylum", "class", "order", "family", "genus", "species")

#' Read a FASTA file of sequences on one or more lines.
#'
#' @param path FASTA.
#' @return Named character.
read_sequences <- function(path) {
  lines <- readLines(path)
  heads <- startsWith(lines, ">")
  if (!any(heads)) return(character())
  bodies <- split(lines[!heads], factor(cumsum(heads)[!heads], levels = seq_len(sum(heads))))
  setNames(vapply(bodies, paste, "", collapse = ""), sub("\\s.*", "", substring(lines[heads], 2)))
}

#' Classify sequences.
#'
#' @param sequences Named character.
#' @param reference FASTA in DADA2's format, header `Domain;Phylum;...;`.
#' @param min_confidence Least bootstrap support of a rank, 0 to 100.
#' @param seed Random seed of the bootstrap.
#' @param threads Threads.
#' @return Data frame: feature, seven ranks ("" where unsupported), confidence (support of the deepest rank given).
classify <- function(sequences, reference, min_confidence, seed, threads) {
  empty <- setNames(rep(list(character()), 7), RANKS)
  if (length(sequences) == 0) return(data.frame(feature = character(), empty, confidence = numeric()))
  set.seed(seed)
  found <- dada2::assignTaxonomy(
    unname(sequences), reference, minBoot = min_confidence, tryRC = TRUE, outputBootstraps = TRUE,
    taxLevels = RANKS, multithread = threads
  )
  ranks <- matrix("", length(sequences), 7, dimnames = list(NULL, RANKS))
  shared <- intersect(RANKS, colnames(found$tax))
  ranks[, shared] <- ifelse(is.na(found$tax[, shared]), "", found$tax[, shared])
  # prepare_reference fills a rank that a lineage skips; such a name is no classification.
  ranks[startsWith(ranks, "unclassified_")] <- ""
  depth <- max.col(ranks != "", ties.method = "last") * (rowSums(ranks != "") > 0)
  confidence <- vapply(seq_along(depth), function(i) if (depth[[i]]) found$boot[i, depth[[i]]] else NA_real_, 1)
  data.frame(feature = names(sequences), ranks, confidence = confidence)
}

if (exists("snakemake")) {
  source(file.path(snakemake@scriptdir, "run_logged.R"))
  with_log(snakemake@log[[1]], function() {
    taxonomy <- classify(
      read_sequences(snakemake@input[["fasta"]]), snakemake@input[["reference"]],
      snakemake@params[["min_confidence"]], snakemake@params[["seed"]], snakemake@threads
    )
    write_tsv(taxonomy, snakemake@output[[1]])
  })
}

# Denoise one sequencing run with DADA2: learn its error rates, infer the sequences, join the mates and vote on chimeras.
#
# All of it runs in one R process, because loading DADA2 takes longer than most of the steps, and a sample that
# served to learn the rates is already denoised under them when they stand still.

CORRECTABLE <- 1e-40 # DADA2's default OMEGA_C: reads less likely than this under every sequence stay uncounted.

#' Read the libraries of the filtered batches.
#'
#' @param folders Paths of filtered batches, each with counts.tsv.
#' @return Data frame: sample, run, paired, reads_out, forward, reverse (paths; "" for single-end).
read_units <- function(folders) {
  units <- do.call(rbind, lapply(folders, function(folder) {
    counts <- read.delim(
      file.path(folder, "counts.tsv"), quote = "", colClasses = c(sample = "character", run = "character")
    )
    stem <- file.path(folder, paste0(counts$sample, "__", counts$run))
    counts$forward <- paste0(stem, "_R1.fastq.gz")
    counts$reverse <- ifelse(counts$paired == 1, paste0(stem, "_R2.fastq.gz"), "")
    counts
  }))
  units[order(units$sample, method = "radix"), ]
}

#' Number of libraries, in order, that hold enough bases to learn from.
#'
#' @param bases Bases per library.
#' @param nbases Bases wanted.
enough_to_learn <- function(bases, nbases) {
  full <- which(cumsum(as.numeric(bases)) > nbases)
  if (length(full)) full[[1]] else length(bases)
}

#' Leave out the reads that no sequence explains, as dada does with its default OMEGA_C.
#'
#' @param result A dada-class object made with OMEGA_C = 0.
#' @param derep The derep-class object it came from.
drop_uncorrectable <- function(result, derep) {
  result$map[result$pval < CORRECTABLE] <- NA_integer_
  reads <- numeric(length(result$denoised))
  counted <- tapply(derep$uniques, factor(result$map, levels = seq_along(reads)), sum)
  counted[is.na(counted)] <- 0L
  result$denoised[] <- as.integer(counted)
  result$clustering$abundance <- as.integer(counted)
  result
}

#' Sequences of one library that are chimeras of its own more abundant ones.
#'
#' @param counts Named integer, counts of the sequences.
#' @return Logical.
find_chimeras <- function(counts) {
  if (length(counts) < 3) return(rep(FALSE, length(counts)))
  table <- matrix(as.integer(counts), 1, dimnames = list("library", names(counts)))
  unname(dada2::isBimeraDenovoTable(table, multithread = FALSE, verbose = FALSE))
}

#' Turn the denoised directions of one library into counts of sequences.
#'
#' @param dadas List per direction of dada-class objects.
#' @param dereps List per direction of derep-class objects.
#' @param min_overlap Least overlap of the mates.
#' @return List: denoised (reads counted in every direction, at most), counts (data frame: sequence, count, chimera).
call_sequences <- function(dadas, dereps, min_overlap) {
  denoised <- min(vapply(dadas, function(d) sum(d$denoised), 1))
  if (length(dadas) == 2) {
    pairs <- dada2::mergePairs(dadas$F, dereps$F, dadas$R, dereps$R, minOverlap = min_overlap, verbose = FALSE)
    sequences <- as.character(pairs$sequence)
    abundance <- pairs$abundance
  } else {
    sequences <- names(dadas$F$denoised)
    abundance <- dadas$F$denoised
  }
  keep <- which(nchar(sequences) > 0 & abundance > 0)
  counts <- if (length(keep)) vapply(split(as.integer(abundance[keep]), sequences[keep]), sum, 1L) else integer()
  counts <- sort(counts, decreasing = TRUE)
  list(
    denoised = denoised,
    counts = data.frame(
      sequence = as.character(names(counts)), count = as.integer(counts), chimera = as.integer(find_chimeras(counts))
    )
  )
}

#' Denoise all libraries of a run.
#'
#' @param units What `read_units` gives.
#' @param options List: nbases, min_overlap, pool (none, pseudo, pool).
#' @param threads Number of workers.
#' @return List: errors (per direction), counts (data frame), track (data frame).
denoise_run <- function(units, options, threads) {
  paired <- any(units$paired == 1)
  columns <- if (paired) c(F = "forward", R = "reverse") else c(F = "forward")
  live <- units[units$reads_out > 0, ]
  track <- data.frame(sample = units$sample, run = units$run, filtered = units$reads_out, denoised = 0L, merged = 0L)
  none <- data.frame(sample = character(), run = character(), sequence = character(), count = integer(), chimera = integer())
  if (nrow(live) == 0) {
    message("no library of this run has reads left: nothing to denoise")
    return(list(errors = list(), counts = none, track = track))
  }
  read_all <- function(rows) {
    jobs <- unlist(lapply(columns, function(column) setNames(live[rows, column], live$sample[rows])), use.names = FALSE)
    done <- in_parallel(as.list(jobs), dada2::derepFastq, rep(live$reads_out[rows], length(columns)), threads)
    n <- length(rows)
    setNames(lapply(seq_along(columns), function(i) setNames(done[(i - 1) * n + seq_len(n)], live$sample[rows])), names(columns))
  }
  # The cheap way to know the bases of every library: reads times the length of the first one.
  first_length <- vapply(live$forward, function(f) nchar(readLines(f, n = 2)[[2]]), 1)
  everyone <- options$pool != "none"
  learning <- seq_len(enough_to_learn(live$reads_out * first_length, options$nbases))
  dereps <- read_all(if (everyone) seq_len(nrow(live)) else learning)
  message("learning from ", length(learning), " of ", nrow(live), " libraries")
  errors <- learn_errors(lapply(dereps, `[`, learning), threads)

  if (everyone) {
    pool <- if (options$pool == "pseudo") "pseudo" else TRUE
    work <- function(d) {
      result <- dada2::dada(dereps[[d]], err = errors[[d]]$err_out, pool = pool, multithread = FALSE, verbose = FALSE)
      if (methods::is(result, "dada")) setNames(list(result), names(dereps[[d]])) else result
    }
    pooled <- in_parallel(as.list(setNames(names(dereps), names(dereps))), work, rep(1, length(dereps)), threads)
  }
  finish <- function(i) {
    sample <- live$sample[[i]]
    own <- lapply(setNames(names(columns), names(columns)), function(d) {
      known <- dereps[[d]][[sample]]
      if (is.null(known)) dada2::derepFastq(live[i, columns[[d]]]) else known
    })
    dadas <- lapply(setNames(names(columns), names(columns)), function(d) {
      if (everyone) return(pooled[[d]][[sample]])
      ready <- errors[[d]]$dada[[sample]]
      if (is.null(ready)) run_dada(own[[d]], errors[[d]]$err_out) else drop_uncorrectable(ready, own[[d]])
    })
    call_sequences(dadas, own, options$min_overlap)
  }
  done <- in_parallel(as.list(seq_len(nrow(live))), finish, live$reads_out, threads)
  place <- match(live$sample, track$sample)
  track$denoised[place] <- vapply(done, function(x) as.integer(x$denoised), 1L)
  track$merged[place] <- vapply(done, function(x) sum(x$counts$count), 1L)
  counts <- do.call(rbind, c(list(none), lapply(seq_along(done), function(i) {
    rows <- done[[i]]$counts
    if (nrow(rows)) data.frame(sample = live$sample[[i]], run = live$run[[i]], rows) else none
  })))
  list(errors = errors, counts = counts, track = track)
}

#' Error rates as a long table for the report.
#'
#' @param errors What `learn_errors` gives.
#' @return Data frame: direction, from, to, quality, observed (count), rate.
tabulate_errors <- function(errors) {
  rows <- lapply(names(errors), function(d) {
    err <- errors[[d]]$err_out
    trans <- errors[[d]]$trans
    names_of <- rownames(trans)
    quality <- seq_len(ncol(trans)) - 1
    data.frame(
      direction = d, from = rep(substr(names_of, 1, 1), ncol(trans)), to = rep(substr(names_of, 3, 3), ncol(trans)),
      quality = rep(quality, each = 16), observed = as.vector(trans), rate = as.vector(err[, seq_len(ncol(trans))])
    )
  })
  empty <- data.frame(
    direction = character(), from = character(), to = character(), quality = numeric(), observed = integer(), rate = numeric()
  )
  do.call(rbind, c(list(empty), rows))
}

if (exists("snakemake")) {
  source(file.path(snakemake@scriptdir, "run_logged.R"))
  source(file.path(snakemake@scriptdir, "learn_errors.R"))
  with_log(snakemake@log[[1]], function() {
    suppressPackageStartupMessages(loadNamespace("dada2"))
    units <- read_units(unlist(snakemake@input[["filtered"]]))
    result <- denoise_run(units, snakemake@params[["options"]], snakemake@threads)
    for (d in c("F", "R")) saveRDS(result$errors[[d]]$err_out, snakemake@output[[paste0("errors_", tolower(d))]])
    write_tsv(tabulate_errors(result$errors), snakemake@output[["rates"]])
    write_tsv(result$counts, snakemake@output[["counts"]])
    write_tsv(result$track, snakemake@output[["track"]])
    writeLines(as.character(packageVersion("dada2")), snakemake@output[["version"]])
  })
}

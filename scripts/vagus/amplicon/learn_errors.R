# Error rates of a run: DADA2's self-consistent loop (doi:10.1038/nmeth.3869), spread over forked workers.
#
# One `dada` call works through its samples one after the other and its own threads share the comparisons inside
# a sample, which are too short to keep the cores busy. Here each round hands whole samples, of all directions at
# once, to the workers. The last round has already denoised the samples under the rates it ends with.

#' Run `dada` on one sample without threads or words.
#'
#' @param derep A derep-class object.
#' @param err Error matrix, 16 x qualities.
#' @param ... Options of dada.
#' @return A dada-class object.
run_dada <- function(derep, err, ...) {
  suppressWarnings(dada2::dada(
    derep, err = err, errorEstimationFunction = function(trans) NULL, multithread = FALSE, verbose = FALSE, ...
  ))
}

#' Do jobs in forked workers, the long ones first; an error in a worker is raised here.
#'
#' @param jobs A list.
#' @param work Function of one job.
#' @param cost Numeric, the expected cost of each job.
#' @param threads Number of workers.
#' @return A list in the order of `jobs`.
in_parallel <- function(jobs, work, cost, threads) {
  if (length(jobs) == 0) return(list())
  if (threads < 2 || length(jobs) < 2) return(lapply(jobs, work))
  # Each worker gets one share, dealt from the costliest on to whoever has least: few forks, even loads.
  shares <- vector("list", min(threads, length(jobs)))
  load <- numeric(length(shares))
  for (i in order(cost, decreasing = TRUE)) {
    k <- which.min(load)
    shares[[k]] <- c(shares[[k]], i)
    load[[k]] <- load[[k]] + cost[[i]]
  }
  done <- parallel::mclapply(shares, function(share) lapply(jobs[share], work), mc.cores = length(shares))
  for (result in done) {
    if (inherits(result, "try-error")) stop(trimws(as.character(result)), call. = FALSE)
    if (is.null(result)) stop("a worker was ended from outside, most likely for want of memory", call. = FALSE)
  }
  results <- vector("list", length(jobs))
  results[unlist(shares)] <- unlist(done, recursive = FALSE)
  names(results) <- names(jobs)
  results
}

#' Add up the substitution counts of samples.
#'
#' @param trans List of integer matrices, 16 x qualities.
#' @return One matrix as wide as the widest.
sum_transitions <- function(trans) {
  width <- max(vapply(trans, ncol, 1L))
  total <- matrix(0L, 16, width, dimnames = list(rownames(trans[[1]]), seq_len(width) - 1))
  for (t in trans) total[, seq_len(ncol(t))] <- total[, seq_len(ncol(t))] + t
  total
}

#' Fit error rates to substitution counts.
#'
#' @return Error matrix, or NULL when there are too few reads to fit.
fit_errors <- function(trans) {
  tryCatch(suppressWarnings(dada2::loessErrfun(trans)), error = function(e) NULL)
}

#' Rates to fall back on when a run has too few reads to learn from: what the qualities claim.
nominal_errors <- function(width = 41) {
  wrong <- 10^(-(seq_len(width) - 1) / 10)
  err <- matrix(rep(pmin(pmax(wrong, 1e-7), 0.75) / 3, each = 16), 16)
  err[c(1, 6, 11, 16), ] <- rep(1 - 3 * err[2, ], each = 4)
  bases <- c("A", "C", "G", "T")
  dimnames(err) <- list(paste0(rep(bases, each = 4), "2", bases), seq_len(width) - 1)
  err
}

#' The largest change of a rate, in powers of ten.
rate_shift <- function(new, old) {
  shared <- seq_len(min(ncol(new), ncol(old)))
  max(abs(log10(new[, shared]) - log10(old[, shared])))
}

#' Learn the error rates of all directions of a run side by side.
#'
#' @param dereps List per direction (F, R) of lists of derep-class objects, one per sample.
#' @param threads Number of workers.
#' @param tolerance Largest change of a rate, in powers of ten, at which the loop ends; 0 is DADA2's own rule.
#' @param max_rounds Most rounds.
#' @return List per direction: err_out, err_in, trans, rounds, converged, learned (FALSE: nominal rates), and
#'   dada, the samples' results under the final rates before any read is called uncorrectable.
learn_errors <- function(dereps, threads, tolerance = 0, max_rounds = 10) {
  round_of <- function(errs, ...) {
    jobs <- unlist(lapply(names(errs), function(d) {
      lapply(dereps[[d]], function(derep) list(direction = d, derep = derep))
    }), recursive = FALSE)
    cost <- vapply(jobs, function(j) length(j$derep$uniques) * ncol(j$derep$quals), 1)
    done <- in_parallel(jobs, function(j) run_dada(j$derep, errs[[j$direction]], OMEGA_C = 0, ...), cost, threads)
    owner <- vapply(jobs, `[[`, "", "direction")
    lapply(setNames(names(errs), names(errs)), function(d) {
      setNames(done[owner == d], names(dereps[[d]]))
    })
  }
  refit <- function(results) fit_errors(sum_transitions(lapply(results, `[[`, "trans")))

  widths <- lapply(dereps, function(d) max(41, vapply(d, function(x) ceiling(max(x$quals, na.rm = TRUE)) + 1, 1)))
  start <- round_of(lapply(widths, function(w) matrix(1, 16, w)), MAX_CLUST = 1)
  errs <- lapply(start, function(results) {
    err <- refit(results)
    if (!is.null(err)) err[c(1, 6, 11, 16), ] <- 1
    err
  })
  state <- lapply(setNames(names(dereps), names(dereps)), function(d) {
    learned <- !is.null(errs[[d]])
    err <- if (learned) errs[[d]] else nominal_errors(widths[[d]])
    list(err = err, seen = list(), rounds = 0, learned = learned, converged = !learned, shift = 0, dada = NULL, trans = NULL)
  })

  # Until rates come back that were there before, or move by no more than the tolerance.
  open <- names(state)
  for (k in seq_len(max_rounds)) {
    results <- round_of(lapply(state[open], `[[`, "err"))
    for (d in open) {
      s <- state[[d]]
      s$rounds <- k
      s$dada <- results[[d]]
      s$trans <- sum_transitions(lapply(results[[d]], `[[`, "trans"))
      s$err_in <- s$err
      if (s$learned) {
        s$seen <- c(s$seen, list(s$err))
        err <- fit_errors(s$trans)
        s$converged <- is.null(err) || any(vapply(s$seen, identical, TRUE, err))
        s$shift <- if (is.null(err)) 0 else rate_shift(err, s$err)
        within <- s$shift > 0 && s$shift <= tolerance
        s$converged <- s$converged || within
        # Within the tolerance the rates stay those the samples were denoised under.
        if (!is.null(err) && !within) s$err <- err
      }
      state[[d]] <- s
      message("round ", k, ", direction ", d, ": rates moved by 10^", signif(s$shift, 3))
    }
    open <- names(state)[!vapply(state, `[[`, TRUE, "converged")]
    if (length(open) == 0) break
  }
  lapply(state, function(s) {
    # Only when the rates stand still were the samples denoised under the final ones.
    still <- !s$learned || identical(s$err, s$err_in)
    list(
      err_out = s$err, err_in = s$err_in, trans = s$trans, rounds = s$rounds, converged = s$converged,
      learned = s$learned, dada = if (still) s$dada else NULL
    )
  })
}

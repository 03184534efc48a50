# What the R steps share: plain tables, and words that go to the log.

#' Write a table as plain TSV.
write_tsv <- function(frame, path) {
  write.table(frame, path, sep = "\t", quote = FALSE, row.names = FALSE, na = "")
}

#' Run a step with its words in the log; an error ends it in one line.
#'
#' @param log Path.
#' @param work Function without arguments.
with_log <- function(log, work) {
  sink_to <- file(log, open = "wt")
  sink(sink_to)
  sink(sink_to, type = "message")
  problem <- tryCatch({
    work()
    NULL
  }, error = function(e) gsub("\\s+", " ", conditionMessage(e)))
  if (!is.null(problem)) cat("ERROR:", problem, "\n")
  sink(type = "message")
  sink()
  close(sink_to)
  if (!is.null(problem)) {
    cat("ERROR:", problem, "\n", file = stderr())
    quit(status = 1, save = "no")
  }
}

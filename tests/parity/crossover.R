# Reference values for scripts/vagus/trial/crossover.py: base R for two periods, lme4 and lmerTest for three.
# Usage: Rscript tests/parity/crossover.R tests/parity/data
# Writes crossover_input.tsv (data made from a seed) and crossover_expected.tsv.
suppressPackageStartupMessages(library(lmerTest))
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260303)

make <- function(name, sequences, sizes, features = 3, baseline = FALSE, missing = 0) {
  order <- strsplit(sequences, "")
  sequence <- rep(sequences, sizes)
  n <- length(sequence)
  rows <- list()
  for (f in seq_len(features)) {
    own <- rnorm(n, 0, f)
    for (p in seq_along(order[[1]])) {
      given <- sapply(strsplit(sequence, ""), `[`, p)
      before <- 3 + own + rnorm(n)
      y <- 4 + own + 0.5 * p + c(A = 0, B = 0.8, C = -0.3)[given] + 0.4 * (before - 3 - own) + rnorm(n)
      if (missing > 0) y[sample(n, missing)] <- NA
      rows[[length(rows) + 1]] <- data.frame(scenario = name, feature = paste0("f", f),
        participant = paste0("P", seq_len(n)), sequence = sequence, period = p, given = given,
        before = if (baseline) round(before, 6) else NA, after = round(y, 6))
    }
  }
  do.call(rbind, rows)
}

input <- rbind(
  make("plain", c("AB", "BA"), c(10, 10)),
  make("unbalanced", c("AB", "BA"), c(12, 7), missing = 1),
  make("baselines", c("AB", "BA"), c(9, 10), baseline = TRUE),
  make("three_arms", c("ABC", "BCA", "CAB"), c(7, 7, 6)),
  make("three_periods", c("ABB", "BAA"), c(8, 9), missing = 2)
)

two_periods <- function(d) {
  w <- reshape(d[c("participant", "sequence", "period", "before", "after")], direction = "wide",
               idvar = c("participant", "sequence"), timevar = "period")
  w$d <- w$after.2 - w$after.1
  w$s <- w$after.1 + w$after.2
  w$b <- w$before.2 - w$before.1
  w <- w[!is.na(w$d), ]
  w$half <- ifelse(w$sequence == "AB", 0.5, -0.5)
  m <- if (all(is.na(w$b))) lm(d ~ half, data = w) else lm(d ~ half + b, data = w)
  s <- summary(m)$coefficients["half", ] / c(2, 2, 1, 1)
  # half is 1/2 apart from -1/2: its coefficient is twice the effect.
  carry <- t.test(s ~ factor(sequence, c("BA", "AB")), data = w, var.equal = TRUE)
  data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = "B", estimate = s[1], std_error = s[2],
             df = df.residual(m), p_value = s[4], carry = unname(carry$estimate[1] - carry$estimate[2]),
             carry_p = carry$p.value)
}

mixed <- function(d) {
  d <- d[!is.na(d$after), ]
  m <- lmer(after ~ sequence + factor(period) + given + (1 | participant), data = d, REML = TRUE,
            control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
  s <- coef(summary(m, ddf = "Satterthwaite"))
  s <- s[grep("^given", rownames(s)), , drop = FALSE]
  data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = sub("^given", "", rownames(s)),
             estimate = s[, "Estimate"], std_error = s[, "Std. Error"], df = s[, "df"],
             p_value = s[, "Pr(>|t|)"], carry = NA, carry_p = NA)
}

keys <- unique(input[c("scenario", "feature")])
expected <- do.call(rbind, lapply(seq_len(nrow(keys)), function(i) {
  d <- input[input$scenario == keys$scenario[i] & input$feature == keys$feature[i], ]
  if (nchar(d$sequence[1]) == 2) two_periods(d) else mixed(d)
}))

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) ifelse(is.na(v), "", sprintf("%.15g", v)))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "crossover_input.tsv")
save(expected, "crossover_expected.tsv")

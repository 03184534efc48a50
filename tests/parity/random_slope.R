# Reference values for the random slopes of scripts/vagus/trial/clda.py: lme4 and lmerTest.
# Usage: Rscript tests/parity/random_slope.R tests/parity/data
# Writes slope_input.tsv (data made from a seed) and slope_expected.tsv.
suppressPackageStartupMessages(library(lmerTest))
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20261129)

make <- function(name, sizes, weeks, features = 4, missing = 0, site = FALSE, slope = 0.5) {
  arm <- rep(names(sizes), sizes)
  n <- length(arm)
  sites <- if (site) sample(rep(c("leeds", "oslo", "turin"), length.out = n)) else rep("", n)
  age <- if (site) round(rnorm(n, 45, 12), 1) else rep(NA, n)
  rows <- list()
  for (f in seq_len(features)) {
    own <- rnorm(n, 0, f / 2)
    steep <- slope * rnorm(n) - 0.15 * own
    for (v in seq_along(weeks)) {
      y <- 5 + own + (0.2 + steep) * weeks[v] + ifelse(arm != "placebo" & v > 1, 0.3 * v, 0) + rnorm(n, 0, 0.7)
      if (site) y <- y + as.integer(factor(sites)) + 0.02 * age
      if (missing > 0) y[sample(n, round(missing * n) + f - 1)] <- NA
      rows[[length(rows) + 1]] <- data.frame(scenario = name, feature = paste0("f", f),
        participant = paste0("P", seq_len(n)), arm = arm, site = sites, age = age,
        visit = paste0("v", v), week = weeks[v], value = round(y, 6))
    }
  }
  do.call(rbind, rows)
}

input <- rbind(
  make("balanced", c(placebo = 12, probiotic = 12), c(0, 1, 2)),
  make("uneven_times", c(placebo = 14, probiotic = 9), c(0, 1, 3, 6), slope = 0.3, site = TRUE),
  make("missing", c(placebo = 16, probiotic = 16), c(0, 1, 2, 3), missing = 0.15, site = TRUE),
  make("three_arms", c(placebo = 12, probiotic = 11, fibre = 13), c(0, 2, 4), missing = 0.05, slope = 0.4),
  make("no_slope", c(placebo = 12, probiotic = 12), c(0, 1, 2), slope = 0, features = 12)
)

fit_one <- function(d) {
  d <- d[!is.na(d$value), ]
  arms <- setdiff(unique(d$arm), "placebo")
  visits <- sort(unique(d$visit))[-1]
  terms <- c()
  for (v in visits) for (a in arms) {
    column <- paste0("e_", a, "_", v)
    d[[column]] <- as.numeric(d$arm == a & d$visit == v)
    terms <- c(terms, column)
  }
  right <- paste(c("visit", terms, if (d$site[1] != "") c("site", "age")), collapse = " + ")
  fit <- function(random) suppressMessages(lmer(as.formula(paste("value ~", right, "+", random)), data = d,
    REML = TRUE, control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-11, maxfun = 1e5))))
  m <- fit("(1 + week | participant)")
  # Without a variance of the slope the intercept alone is what can be estimated.
  singular <- isSingular(m, tol = 1e-4)
  flat <- as.data.frame(VarCorr(m))$vcov[2] < 1e-7
  if (flat) m <- fit("(1 | participant)")
  s <- coef(summary(m, ddf = "Satterthwaite"))[terms, , drop = FALSE]
  # By pbkrtest.
  k <- coef(summary(m, ddf = "Kenward-Roger"))[terms, , drop = FALSE]
  part <- do.call(rbind, strsplit(terms, "_"))
  data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = part[, 2], visit = part[, 3],
             estimate = s[, "Estimate"], std_error = s[, "Std. Error"], df = s[, "df"],
             p_value = s[, "Pr(>|t|)"], std_error_kr = k[, "Std. Error"], df_kr = k[, "df"],
             p_value_kr = k[, "Pr(>|t|)"], singular = singular, flat = flat)
}

keys <- unique(input[c("scenario", "feature")])
expected <- do.call(rbind, lapply(seq_len(nrow(keys)), function(i)
  fit_one(input[input$scenario == keys$scenario[i] & input$feature == keys$feature[i], ])))

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) ifelse(is.na(v), "", sprintf("%.15g", v)))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "slope_input.tsv")
save(expected, "slope_expected.tsv")

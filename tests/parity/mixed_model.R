# Reference values for the constrained longitudinal model of scripts/vagus/trial/clda.py: lme4 and lmerTest.
# Usage: Rscript tests/parity/mixed_model.R tests/parity/data
# Writes mixed_input.tsv (data made from a seed) and mixed_expected.tsv.
suppressPackageStartupMessages(library(lmerTest))
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260202)

make <- function(name, sizes, visits = 3, features = 4, missing = 0, site = FALSE, between = 1) {
  arm <- rep(names(sizes), sizes)
  n <- length(arm)
  sites <- if (site) sample(rep(c("leeds", "oslo", "turin"), length.out = n)) else rep("", n)
  age <- if (site) round(rnorm(n, 45, 12), 1) else rep(NA, n)
  rows <- list()
  for (f in seq_len(features)) {
    own <- rnorm(n, 0, between * f / 2)
    for (v in seq_len(visits)) {
      y <- 5 + own + 0.3 * v + ifelse(arm != "placebo" & v > 1, 0.4 * v, 0) + rnorm(n)
      if (between == 0) {
        # Alternating in sign inside each participant: the correlation is negative, the variance 0.
        y <- y + c(1, -1, 0)[(v + seq_len(n)) %% 3 + 1]
      }
      if (site) y <- y + as.integer(factor(sites)) + 0.02 * age
      if (missing > 0) y[sample(n, round(missing * n) + f - 1)] <- NA
      rows[[length(rows) + 1]] <- data.frame(scenario = name, feature = paste0("f", f),
        participant = paste0("P", seq_len(n)), arm = arm, site = sites, age = age,
        visit = paste0("v", v), value = round(y, 6))
    }
  }
  do.call(rbind, rows)
}

input <- rbind(
  make("balanced", c(placebo = 10, probiotic = 10)),
  make("two_visits", c(placebo = 12, probiotic = 12), visits = 2),
  make("unbalanced", c(placebo = 15, probiotic = 7), visits = 4, site = TRUE),
  make("missing", c(placebo = 14, probiotic = 14), missing = 0.2, site = TRUE),
  make("three_arms", c(placebo = 10, probiotic = 9, fibre = 11), missing = 0.1, site = TRUE),
  make("zero_variance", c(placebo = 12, probiotic = 12), between = 0)
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
  right <- paste(c("visit", terms, if (d$site[1] != "") c("site", "age"), "(1 | participant)"), collapse = " + ")
  # The default tolerance leaves the variance ratio good to about 1e-4; it is asked for more.
  m <- lmer(as.formula(paste("value ~", right)), data = d, REML = TRUE,
            control = lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)))
  s <- coef(summary(m, ddf = "Satterthwaite"))[terms, , drop = FALSE]
  # By pbkrtest.
  k <- coef(summary(m, ddf = "Kenward-Roger"))[terms, , drop = FALSE]
  part <- do.call(rbind, strsplit(terms, "_"))
  v <- as.data.frame(VarCorr(m))$vcov
  data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = part[, 2], visit = part[, 3],
             estimate = s[, "Estimate"], std_error = s[, "Std. Error"], df = s[, "df"],
             p_value = s[, "Pr(>|t|)"], std_error_kr = k[, "Std. Error"],
             df_kr = k[, "df"], p_value_kr = k[, "Pr(>|t|)"], between = v[1], within = v[2])
}

keys <- unique(input[c("scenario", "feature")])
expected <- do.call(rbind, lapply(seq_len(nrow(keys)), function(i)
  fit_one(input[input$scenario == keys$scenario[i] & input$feature == keys$feature[i], ])))

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) ifelse(is.na(v), "", sprintf("%.15g", v)))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "mixed_input.tsv")
save(expected, "mixed_expected.tsv")

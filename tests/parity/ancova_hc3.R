# Reference values for the ANCOVA of scripts/vagus/trial/ancova.py, with base R only.
# Usage: Rscript tests/parity/ancova_hc3.R tests/parity/data
# Writes ancova_input.tsv (data made from a seed) and ancova_expected.tsv (lm coefficients, classical and HC3
# standard errors, t intervals). HC3 by its formula: (X'X)^-1 X' diag(e^2 / (1-h)^2) X (X'X)^-1.
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260101)
features <- 5

make <- function(name, sizes, site = FALSE, missing = FALSE) {
  arm <- rep(names(sizes), sizes)
  n <- length(arm)
  sites <- if (site) sample(rep(c("leeds", "oslo", "turin"), length.out = n)) else rep("", n)
  age <- if (site) round(rnorm(n, 45, 12), 1) else rep(NA, n)
  rows <- list()
  for (f in seq_len(features)) {
    before <- rnorm(n, 5, 2)
    # Unequal variances, so that HC3 and the classical errors differ.
    after <- 0.6 * before + ifelse(arm == "placebo", 0, 0.8) + rnorm(n, 0, ifelse(arm == "placebo", 1, 2))
    if (site) after <- after + as.integer(factor(sites)) + 0.02 * age
    if (missing) {
      before[sample(n, f - 1)] <- NA
      after[sample(n, 2)] <- NA
    }
    # Rounded before the fit, so that the stored input is the fitted one.
    before <- round(before, 6)
    after <- round(after, 6)
    rows[[f]] <- data.frame(scenario = name, feature = paste0("f", f), participant = paste0("P", seq_len(n)),
                            arm = arm, site = sites, age = age, before = before, after = after)
  }
  do.call(rbind, rows)
}

input <- rbind(
  make("balanced", c(placebo = 8, probiotic = 8)),
  make("unbalanced", c(placebo = 14, probiotic = 8)),
  make("strata", c(placebo = 15, probiotic = 13), site = TRUE),
  make("missing", c(placebo = 12, probiotic = 12), site = TRUE, missing = TRUE),
  make("three_arms", c(placebo = 10, probiotic = 9, fibre = 11), site = TRUE)
)

fit_one <- function(d) {
  d <- d[complete.cases(d$before, d$after), ]
  d$arm <- relevel(factor(d$arm), "placebo")
  right <- if (d$site[1] == "") "arm + before" else "arm + before + site + age"
  m <- lm(as.formula(paste("after ~", right)), data = d)
  X <- model.matrix(m)
  bread <- solve(crossprod(X))
  e <- residuals(m)
  h <- hatvalues(m)
  hc3 <- sqrt(diag(bread %*% crossprod(X * (e / (1 - h))) %*% bread))
  pick <- grep("^arm", colnames(X))
  b <- coef(m)[pick]
  se <- hc3[pick]
  classical <- sqrt(diag(vcov(m)))[pick]
  df <- df.residual(m)
  data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = sub("^arm", "", names(b)),
             n_arm = as.vector(table(d$arm)[sub("^arm", "", names(b))]), n_reference = sum(d$arm == "placebo"),
             estimate = b, hc3 = se, classical = classical, df = df,
             p_hc3 = 2 * pt(-abs(b / se), df), p_classical = 2 * pt(-abs(b / classical), df),
             low_hc3 = b - qt(0.975, df) * se, high_hc3 = b + qt(0.975, df) * se)
}

keys <- unique(input[c("scenario", "feature")])
expected <- do.call(rbind, lapply(seq_len(nrow(keys)), function(i)
  fit_one(input[input$scenario == keys$scenario[i] & input$feature == keys$feature[i], ])))

# Adjusted p-values of the same tests, for the error control.
expected$bh <- p.adjust(expected$p_hc3, "BH")
expected$holm <- p.adjust(expected$p_hc3, "holm")

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) ifelse(is.na(v), "", sprintf("%.15g", v)))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "ancova_input.tsv")
save(expected, "ancova_expected.tsv")

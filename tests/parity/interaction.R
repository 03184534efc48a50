# Reference values for the interaction models of scripts/vagus/trial/interaction.py, with base R's lm only.
# Usage: Rscript tests/parity/interaction.R tests/parity/data
# HC3 by its formula: (X'X)^-1 X' diag(e^2 / (1-h)^2) X (X'X)^-1.
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260103)
n <- 48
arm <- rep(c("placebo", "probiotic", "fibre"), c(18, 16, 14))
drug <- sample(rep(c("none", "ssri", "snri"), length.out = n))
age <- round(rnorm(n, 45, 12), 1)
input <- do.call(rbind, lapply(1:4, function(f) {
  before <- round(rnorm(n, 5, 2), 6)
  after <- 0.6 * before + (arm == "probiotic") * (0.5 + 0.4 * (drug == "ssri") + 0.02 * age - 0.2 * before) +
    rnorm(n, 0, ifelse(arm == "placebo", 1, 2))
  data.frame(feature = paste0("f", f), participant = paste0("P", seq_len(n)), arm = arm, drug = drug, age = age,
             before = before, after = round(after, 6))
}))

rows_of <- function(d, moderator) {
  d$arm <- factor(d$arm, c("placebo", "probiotic", "fibre"))
  d$z <- switch(moderator, drug = factor(d$drug), age = as.numeric(scale(d$age)),
                baseline = as.numeric(scale(d$before)))
  right <- switch(moderator, drug = "arm * z + before + age", age = "arm * z + before + drug",
                  baseline = "arm * z + drug + age")
  m <- lm(as.formula(paste("after ~", right)), data = d)
  X <- model.matrix(m)
  bread <- solve(crossprod(X))
  V <- bread %*% crossprod(X * (residuals(m) / (1 - hatvalues(m)))) %*% bread
  b <- coef(m)
  df <- df.residual(m)
  one <- function(names, role, a, level) {
    pick <- as.numeric(names(b) %in% names)
    est <- sum(pick * b)
    se <- sqrt(drop(pick %*% V %*% pick))
    data.frame(moderator = moderator, feature = d$feature[1], arm = a, role = role, level = level, df = df,
               estimate = est, std_error = se, ci_low = est - qt(0.975, df) * se,
               ci_high = est + qt(0.975, df) * se, p_value = 2 * pt(-abs(est / se), df))
  }
  levels <- if (moderator == "drug") c("snri", "ssri") else ""
  do.call(rbind, lapply(c("probiotic", "fibre"), function(a) {
    main <- paste0("arm", a)
    rbind(one(main, "effect", a, "start"),
          do.call(rbind, lapply(levels, function(l) {
            term <- paste0("arm", a, ":z", l)
            rbind(one(term, "interaction", a, l), one(c(main, term), "effect", a, l))
          })))
  }))
}
expected <- do.call(rbind, lapply(c("drug", "age", "baseline"), function(m)
  do.call(rbind, lapply(unique(input$feature), function(f) rows_of(input[input$feature == f, ], m)))))

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) sprintf("%.15g", v))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "interaction_input.tsv")
save(expected, "interaction_expected.tsv")

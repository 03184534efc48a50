# Reference values for scripts/vagus/trial/permanova.py, with vegan (Debian: r-cran-vegan).
# Usage: Rscript tests/parity/permanova.R tests/parity/data
# Writes permanova_input.tsv (changes y1..y6, counts before a1..a6 and after b1..b6, from a seed) and
# permanova_expected.tsv (F, R2, degrees of freedom and p of adonis2, F of betadisper).
suppressMessages(library(vegan))
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260202)
features <- 6
permutations <- 9999

make <- function(name, sizes, site = FALSE, age = FALSE, shift = 0) {
  arm <- rep(names(sizes), sizes)
  n <- length(arm)
  sites <- if (site) sample(rep(c("leeds", "oslo", "turin"), length.out = n)) else rep("none", n)
  ages <- if (age) round(rnorm(n, 45, 12), 1) else rep(0, n)
  own <- matrix(rnorm(n * features, 3, 1), n)
  moved <- matrix(0, n, features)
  moved[arm != "placebo", 1:2] <- shift
  move <- moved + as.integer(factor(sites)) * 0.3 + 0.02 * ages
  spread <- ifelse(arm == "placebo", 0.5, 0.8)
  before <- matrix(rpois(n * features, exp(own)), n)
  after <- matrix(rpois(n * features, exp(own + move + spread * rnorm(n * features))), n)
  change <- round(log(after + 0.5) - log(before + 0.5), 6)
  frame <- data.frame(scenario = name, participant = paste0("P", seq_len(n)), arm = arm, site = sites, age = ages)
  colnames(change) <- paste0("y", seq_len(features))
  colnames(before) <- paste0("a", seq_len(features))
  colnames(after) <- paste0("b", seq_len(features))
  cbind(frame, change, before, after)
}

input <- rbind(
  make("balanced", c(placebo = 8, probiotic = 8), shift = 0.6),
  make("unbalanced", c(placebo = 14, probiotic = 8), shift = 0.5),
  make("strata", c(placebo = 15, probiotic = 13), site = TRUE, shift = 0.3),
  make("covariate", c(placebo = 12, probiotic = 14), site = TRUE, age = TRUE, shift = 0.3),
  make("three_arms", c(placebo = 10, probiotic = 9, fibre = 11), site = TRUE, shift = 0.4)
)
input <- input[rowSums(input[paste0("a", 1:features)]) > 0 & rowSums(input[paste0("b", 1:features)]) > 0, ]
write.table(input, file.path(out, "permanova_input.tsv"), sep = "\t", quote = FALSE, row.names = FALSE)

rows <- list()
add <- function(scenario, test, f, r2, df, residual, p) {
  rows[[length(rows) + 1]] <<- data.frame(scenario, test, f, r2, df, residual, p)
}
for (name in unique(input$scenario)) {
  part <- input[input$scenario == name, ]
  n <- nrow(part)
  site <- factor(part$site)
  arm <- factor(part$arm)
  age <- part$age
  distance <- dist(part[paste0("y", 1:features)])
  terms <- c(if (nlevels(site) > 1) "site", if (any(age != 0)) "age", "arm")
  control <- if (nlevels(site) > 1) how(blocks = site, nperm = permutations) else how(nperm = permutations)
  # Whole data rows are permuted by vegan; with the age in the model its scheme is another one.
  fit <- adonis2(reformulate(terms, "distance"), permutations = control, by = "terms")
  last <- fit["arm", ]
  p <- if (any(age != 0)) NA else last[["Pr(>F)"]]
  add(name, "change", last$F, last$R2, last$Df, fit["Residual", "Df"], p)
  spread <- anova(betadisper(distance, arm, type = "centroid"))
  add(name, "dispersion", spread[1, "F value"], spread[1, "Sum Sq"] / sum(spread[, "Sum Sq"]), spread[1, "Df"],
      spread[2, "Df"], NA)
  if (any(age != 0)) next
  # Arm by visit on Bray-Curtis of the shares, participants taken out, participants permuted as wholes.
  before <- as.matrix(part[paste0("a", 1:features)])
  after <- as.matrix(part[paste0("b", 1:features)])
  both <- rbind(before / rowSums(before), after / rowSums(after))
  order <- as.vector(rbind(seq_len(n), n + seq_len(n)))
  both <- both[order, ]
  bray <- vegdist(both, "bray")
  long <- data.frame(who = factor(rep(part$participant, each = 2)), visit = factor(rep(1:2, n)),
                     arm = rep(arm, each = 2), site = rep(site, each = 2))
  model <- if (nlevels(site) > 1) bray ~ who + visit + visit:site + visit:arm else bray ~ who + visit + visit:arm
  plots <- Plots(strata = long$who, type = "free")
  control <- if (nlevels(site) > 1) {
    how(within = Within(type = "none"), plots = plots, blocks = long$site, nperm = permutations)
  } else {
    how(within = Within(type = "none"), plots = plots, nperm = permutations)
  }
  fit <- adonis2(model, data = long, permutations = control, by = "terms")
  last <- fit["visit:arm", ]
  # R2 of the variation of the changes: participants and the common change are no part of it.
  total <- fit["Total", "SumOfSqs"] - fit["who", "SumOfSqs"] - fit["visit", "SumOfSqs"]
  add(name, "interaction", last$F, last$SumOfSqs / total, last$Df, fit["Residual", "Df"], last[["Pr(>F)"]])
}
expected <- do.call(rbind, rows)
for (column in c("f", "r2", "p")) expected[[column]] <- formatC(expected[[column]], digits = 15, format = "g", width = 1)
write.table(expected, file.path(out, "permanova_expected.tsv"), sep = "\t", quote = FALSE, row.names = FALSE)

# Seconds per feature of a loop of lmerTest on the table that test_speed_trial.py wrote.
# Usage: Rscript lmertest_loop.R table.tsv intercept|slope; columns participant, arm, visit, f1, f2, ...
suppressPackageStartupMessages(library(lmerTest))
d <- read.delim(commandArgs(trailingOnly = TRUE)[1])
visits <- sort(unique(d$visit))[-1]
terms <- character()
for (v in visits) {
  d[[paste0("e_", v)]] <- as.numeric(d$arm == 1 & d$visit == v)
  terms <- c(terms, paste0("e_", v))
}
features <- grep("^f[0-9]+$", names(d), value = TRUE)
d$time <- as.integer(sub("v", "", d$visit))
slope <- commandArgs(trailingOnly = TRUE)[2] == "slope"
right <- paste(c("visit", terms, if (slope) "(1 + time | participant)" else "(1 | participant)"), collapse = " + ")
invisible(summary(lmer(as.formula(paste(features[1], "~", right)), data = d)))
start <- proc.time()[["elapsed"]]
p <- sapply(features, function(f)
  coef(summary(lmer(as.formula(paste(f, "~", right)), data = d)))[terms[1], "Pr(>|t|)"])
cat((proc.time()[["elapsed"]] - start) / length(features), "\n")
cat(sprintf("%.12g", p), "\n")

# Reference values for Firth's logistic regression of scripts/vagus/trial/firth.py, with base R only.
# Usage: Rscript tests/parity/firth.R tests/parity/data
# The penalised log-likelihood, l(b) + 0.5 log det I(b), is maximised by optim and polished by nlm; the profile
# interval is found by uniroot on that maximum with the arm's coefficient held. No step of ours is repeated.
args <- commandArgs(trailingOnly = TRUE)
out <- if (length(args) > 0) args[1] else "tests/parity/data"
set.seed(20260102)

make <- function(name, sizes, features = 4, site = FALSE) {
  arm <- rep(names(sizes), sizes)
  n <- length(arm)
  sites <- if (site) sample(rep(c("leeds", "oslo"), length.out = n)) else rep("", n)
  age <- if (site) round(rnorm(n, 45, 12), 1) else rep(NA, n)
  do.call(rbind, lapply(seq_len(features), function(f) {
    before <- rbinom(n, 1, 0.2 + 0.15 * f)
    after <- rbinom(n, 1, plogis(-1 + 1.5 * before + ifelse(arm == "placebo", 0, 1)))
    # Complete separation by the arm, a baseline that does not vary, and quasi-complete separation.
    if (name == "separated" && f == 1) after <- as.integer(arm != "placebo")
    if (name == "separated" && f == 2) before <- rep(0, n)
    if (name == "separated" && f == 3) after[arm == "placebo"] <- 0
    data.frame(scenario = name, feature = paste0("f", f), participant = paste0("P", seq_len(n)), arm = arm,
               site = sites, age = age, before = before, after = after)
  }))
}
input <- rbind(
  make("balanced", c(placebo = 20, probiotic = 20)),
  make("separated", c(placebo = 8, probiotic = 8)),
  make("strata", c(placebo = 25, probiotic = 17), site = TRUE),
  make("three_arms", c(placebo = 15, probiotic = 14, fibre = 16))
)

penalised <- function(b, X, y) {
  eta <- drop(X %*% b)
  w <- plogis(eta) * plogis(-eta)
  d <- determinant(crossprod(X * sqrt(w)))
  if (!is.finite(d$modulus)) return(-1e10)
  sum(y * eta - ifelse(eta > 0, eta + log1p(exp(-eta)), log1p(exp(eta)))) + 0.5 * as.numeric(d$modulus)
}
best <- function(X, y, start, held = NULL, value = 0) {
  free <- setdiff(seq_along(start), held)
  fill <- function(v) { b <- start; b[free] <- v; if (!is.null(held)) b[held] <- value; b }
  f <- function(v) -penalised(fill(v), X, y)
  at <- start[free]
  for (i in 1:4) {
    at <- optim(at, f, method = "BFGS", control = list(reltol = 1e-15, maxit = 1000, ndeps = rep(1e-5, length(at))))$par
    # nlm may step out of the finite where the likelihood is flat; optim's point then stands.
    at <- tryCatch(suppressWarnings(nlm(f, at, gradtol = 1e-10, steptol = 1e-12, iterlim = 500)$estimate),
                   error = function(e) at)
  }
  list(b = fill(at), value = -f(at))
}

fit_one <- function(d) {
  d$arm <- relevel(factor(d$arm), "placebo")
  terms <- c("arm", if (length(unique(d$before)) > 1) "before", if (d$site[1] != "") c("site", "age"))
  # A covariate's scale changes the penalty by a constant only; scaled for the optimiser's sake.
  d$age <- (d$age - mean(d$age)) / sd(d$age)
  X <- model.matrix(reformulate(terms), d)
  y <- d$after
  top <- best(X, y, rep(0, ncol(X)))
  w <- drop(plogis(X %*% top$b) * plogis(-X %*% top$b))
  V <- solve(crossprod(X * sqrt(w)))
  arms <- grep("^arm", colnames(X))
  do.call(rbind, lapply(arms, function(j) {
    se <- sqrt(V[j, j])
    root <- function(v) 2 * (top$value - best(X, y, top$b, j, v)$value) - qchisq(0.95, 1)
    side <- function(s) {
      far <- 2.5 * se
      while (root(top$b[j] + s * far) < 0) far <- far * 2
      uniroot(root, sort(c(top$b[j], top$b[j] + s * far)), tol = 1e-10)$root
    }
    X1 <- X0 <- X
    X1[, arms] <- X0[, arms] <- 0
    X1[, j] <- 1
    p1 <- drop(plogis(X1 %*% top$b)); p0 <- drop(plogis(X0 %*% top$b))
    g <- colMeans(p1 * (1 - p1) * X1 - p0 * (1 - p0) * X0)
    data.frame(scenario = d$scenario[1], feature = d$feature[1], arm = sub("^arm", "", colnames(X)[j]),
               estimate = top$b[j], std_error = se, ci_low = side(-1), ci_high = side(1),
               p_value = pchisq(2 * (top$value - best(X, y, top$b, j, 0)$value), 1, lower.tail = FALSE),
               risk_difference = mean(p1 - p0), rd_error = sqrt(drop(g %*% V %*% g)))
  }))
}
keys <- unique(input[c("scenario", "feature")])
expected <- do.call(rbind, lapply(seq_len(nrow(keys)), function(i)
  fit_one(input[input$scenario == keys$scenario[i] & input$feature == keys$feature[i], ])))

save <- function(x, file) {
  numbers <- sapply(x, is.numeric)
  x[numbers] <- lapply(x[numbers], function(v) ifelse(is.na(v), "", sprintf("%.15g", v)))
  write.table(x, file.path(out, file), sep = "\t", quote = FALSE, row.names = FALSE)
}
save(input, "firth_input.tsv")
save(expected, "firth_expected.tsv")

fit <- function(rows) {
  if (length(rows) == 0) stop("no rows in data/training")
}
fit(NULL)

raise ExceptionGroup("2 of 3 folds failed", [ValueError("fold 1"), TypeError("fold 3")])

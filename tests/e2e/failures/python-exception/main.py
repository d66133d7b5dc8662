def fit(rows):
    if not rows:
        raise ValueError("no rows in data/training")


fit([])

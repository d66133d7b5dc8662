print("fitting"

with open("data/validation/wine.csv") as table:
    print(len(table.readlines()))

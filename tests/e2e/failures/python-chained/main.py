def price(row):
    try:
        return row["price"]
    except KeyError as error:
        raise RuntimeError("the table has no prices") from error


price({"name": "merlot"})

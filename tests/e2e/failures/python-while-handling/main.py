"""The handler has a mistake of its own."""
try:
    rate = 1 / 0
except ZeroDivisionError as error:
    print(error.mesage)

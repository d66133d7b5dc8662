everything = bytearray(1 << 40)

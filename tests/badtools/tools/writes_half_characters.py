import os

for byte in "½ wörd ".encode() + b"\xff \xe2\x82":
    os.write(1, bytes([byte]))
    os.write(2, bytes([byte]))

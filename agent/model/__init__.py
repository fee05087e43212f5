"""The words of the product (floor 0, pure): no clock, no randomness, no files, no sockets."""

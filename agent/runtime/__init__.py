"""Wiring (floor 3): the only folder that knows all of floor 2. Keeper, zygote and channel processes."""

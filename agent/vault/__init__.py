"""The vault (floor 2): the directory tree of sealed recordings. Ciphertext and public facts only."""

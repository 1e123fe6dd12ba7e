"""One module per command of `alx`. Each is imported only when it is called, so that the others start fast."""

"""One file per verb. Each has `configure(parser)` and `run(arguments) -> int`, and EXAMPLE and HELP."""

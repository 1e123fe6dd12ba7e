"""The sync of the reporting table: `run` plans every learner range, then writes company by company."""

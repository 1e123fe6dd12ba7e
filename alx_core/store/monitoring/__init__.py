"""What the status page asks the reporting database. Each function is one statement; all bounds are epoch seconds."""

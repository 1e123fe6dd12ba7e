"""The only SQL on the reporting database. Functions take a Connection; the caller owns the transaction."""

"""Use cases: domain and store together, one transaction each."""

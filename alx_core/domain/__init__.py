"""Pure rules: no database, no network, no clock. Everything they need comes in as an argument."""

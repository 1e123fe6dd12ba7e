"""What several tests share. Not tests themselves."""

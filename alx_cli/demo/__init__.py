"""A made-up Moodle to show and to measure with: its tables, and people who learn."""

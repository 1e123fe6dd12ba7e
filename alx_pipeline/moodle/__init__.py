"""The reader of Moodle's tables (MariaDB/MySQL, PostgreSQL, SQLite). It only ever reads."""

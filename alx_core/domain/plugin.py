"""What the Moodle plugin is called, whose reports and tokens are taken over."""

FUNCTION = "local_alx_report_api_get_course_progress"
"""Its one web-service function."""
SERVICES = ("alx_report_api_custom", "alx_report_api")
"""Short names of its service: made by hand as its guide says, or by its installation."""

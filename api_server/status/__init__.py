"""The status page: `/status`, three tabs, server-rendered. `routes.add_status_routes` puts it into the app."""

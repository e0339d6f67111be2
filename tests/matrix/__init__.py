"""The suites of the middleware, on every server and every Python."""

"""A description of the API in OpenAPI 3.1, for programs: `GET /api/openapi.json`."""

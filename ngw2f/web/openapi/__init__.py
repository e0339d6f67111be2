"""The API as OpenAPI 3.1 describes it, for programs: `GET /api/openapi.json`."""

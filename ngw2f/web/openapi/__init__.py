"""The API described for programs in OpenAPI 3.1: `GET /api/openapi.json`."""

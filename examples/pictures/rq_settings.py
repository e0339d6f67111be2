"""Settings of a recorded RQ worker: rq worker --config examples.pictures.rq_settings."""

import json
import os

from examples.pictures.calls import watch_calls
from examples.pictures.hooks import CALLS

watch_calls(json.loads(os.environ[CALLS]), "RQ worker")

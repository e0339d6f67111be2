import subprocess
import sys

import pytest

# What a web process and the jobs load of both libraries.
LOADED = """
import sys
from ngw2f.broker.unused_parts import leave_unused_out

leave_unused_out()
import ngw2f.broker.limits, ngw2f.broker.sentinel, ngw2f.jobs.worker

for name, module in sys.modules.items():
    if name.startswith(("redis.asyncio", "limits.aio")):
        print(name, getattr(module, "__file__", None))
"""


def test_libraries_load_without_them() -> None:
    loaded = subprocess.check_output([sys.executable, "-c", LOADED], text=True).splitlines()
    assert {line.partition(" ")[2] for line in loaded} == {"None"}


def test_opentelemetry_is_loaded_for_others_alone(valkey_url: str) -> None:
    """redis-py can measure all the same, if somebody tells it to."""
    program = """
import sys
from ngw2f.broker.unused_parts import leave_unused_out

leave_unused_out()
import redis
from redis.observability.config import MetricGroup, OTelConfig
from redis.observability.providers import get_observability_instance
print("opentelemetry.sdk.metrics" in sys.modules)
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
get_observability_instance().init(OTelConfig(metric_groups=[MetricGroup.COMMAND]))
redis.Redis.from_url(sys.argv[1]).ping()
print(len(reader.get_metrics_data().resource_metrics))
"""
    told = subprocess.check_output([sys.executable, "-c", program, valkey_url], text=True)
    assert told.split() == ["False", "1"]


LEFT_OUT = """
import sys
from ngw2f.broker.unused_parts import leave_unused_out

leave_unused_out()
import redis, limits
"""
# What others may do with them in a process that goes without.
USES = {
    "attribute": "import redis.asyncio\nassert redis.asyncio.Redis().connection_pool",
    "name": "from redis.asyncio import Redis\nassert Redis().connection_pool",
    "module": "import redis.asyncio.client as client\nassert client.Redis().connection_pool",
    "limits": "from limits.aio.storage import MemoryStorage\nassert MemoryStorage().storage == {}",
    "once": """
import redis.asyncio.client
from redis.asyncio import Redis
assert redis.asyncio.client.Redis is Redis
assert sys.modules["redis.asyncio"].client is redis.asyncio.client
assert redis.asyncio.client.__spec__.origin == redis.asyncio.client.__file__
assert not hasattr(redis.asyncio.client, "__path__")
""",
    "nothing": """
try:
    import redis.asyncio.never_there
except ModuleNotFoundError:
    from redis.asyncio import Redis
""",
    # As Sentry and OpenTelemetry do.
    "patch": """
import redis.asyncio
redis.asyncio.client.Redis.execute_command
redis.asyncio.client.Pipeline.execute
""",
    "library": """
import redis.asyncio.client, redis.commands.core
assert redis.asyncio.client.Redis.xreadgroup
from redis.asyncio.observability import recorder
assert redis.commands.core.async_record_streaming_lag.__module__ == recorder.__name__
assert callable(recorder.record_streaming_lag_from_response)
""",
    "twice": "before = list(sys.meta_path)\nleave_unused_out()\nassert sys.meta_path == before",
    "again": """
import redis.asyncio
redis.asyncio.Redis
before = list(sys.meta_path)
leave_unused_out()
assert sys.meta_path == before
""",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_others_get_the_real_ones(use: str) -> None:
    program = f"{LEFT_OUT}\n{use}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from redis import Redis

from middleware.xray import Trace, record
from ngw2f.broker.connection import connect
from ngw2f.broker.redis_spans import record_commands
from ngw2f.settings import Settings
from tests.middleware.serving import answering, serve


def trace_of(work: Callable[[], object]) -> Trace:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        work()
        return answering()(environ, start_response)

    recorded = record(app)
    serve(recorded)
    return recorded.trace


def recorded_client(settings: Settings) -> Redis:
    client = connect(settings)
    record_commands(client)
    return client


def test_commands_are_spans_without_their_values(settings: Settings) -> None:
    with recorded_client(settings) as client:
        script = client.register_script("return 'sesame'")
        trace = trace_of(lambda: (client.set("key", "sesame"), client.get("key"), script()))
    assert [span.detail for span in trace.spans[:2]] == ["SET", "GET"]
    assert trace.spans[-1].detail == "EVALSHA"
    assert all(span.seconds is not None for span in trace.spans)
    assert "sesame" not in "".join(span.text for span in trace.spans)


def test_pipeline_is_one_span(settings: Settings) -> None:
    def work() -> None:
        with client.pipeline() as pipeline:
            pipeline.set("a", 1).set("b", 2).get("a")
            assert pipeline.execute()[2] == b"1"

    with recorded_client(settings) as client:
        (span,) = trace_of(work).spans
    assert (span.kind, span.detail, span.facts) == ("redis", "SET GET", {"commands": "3"})


def test_work_of_no_request_goes_on(settings: Settings) -> None:
    with recorded_client(settings) as client:
        assert client.set("a", 1)

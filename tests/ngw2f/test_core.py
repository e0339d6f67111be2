from ngw2f.core import build_core
from ngw2f.jobs.context import build_context
from ngw2f.settings import Settings
from ngw2f.web.services import build_services


def test_nothing_connects_before_its_first_use(settings: Settings) -> None:
    core = build_core(settings)
    assert core.database.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
    core.close()


def test_web_and_jobs_have_the_same_parts(settings: Settings) -> None:
    services, context = build_services(settings), build_context(settings)
    assert type(services.core) is type(context.core)
    assert services.core.broker.prefix == context.core.broker.prefix
    services.close()
    context.close()

"""Notes by Django: a cached view, dropped by tag; a limit; a policy; ids in logs."""

import logging

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.dispatch import Signal, receiver
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from middleware.cache import HTTPCacheMiddleware
from middleware.rate_limit import RateLimitMiddleware, RateRule
from middleware.request_id import RequestIDMiddleware
from middleware.security import STRICT_CONTENT_POLICY, SecurityHeadersMiddleware, SecurityPolicy

log = logging.getLogger("notes")
notes: list[str] = []
# In place of django.db.models.signals.post_save, since these notes have no database.
post_save = Signal()


# Cache this view, in the group "notes".
@cache_control(max_age=60)
def listed(request: HttpRequest) -> HttpResponse:
    return JsonResponse(notes, safe=False, headers={"Cache-Groups": '"notes"'})


# Drop by tag when the model changes: with models, @receiver(post_save, sender=Note).
@receiver(post_save)
def note_changed(**kwargs: object) -> None:
    cached.drop_groups(["notes"])


def add(request: HttpRequest) -> HttpResponse:
    notes.append(request.body.decode())
    post_save.send(sender=None)
    # Request ids in logs.
    log.info("%s added a note", request.META["middleware.request_id"])
    return HttpResponse(status=204)


@csrf_exempt
def view(request: HttpRequest) -> HttpResponse:
    return add(request) if request.method == "POST" else listed(request)


urlpatterns = [path("notes", view)]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="only here")

cached = HTTPCacheMiddleware(get_wsgi_application())

# Limit this route: five notes a minute from each client.
limiter = FixedWindowRateLimiter(MemoryStorage())  # RedisStorage("redis://...") for all processes
five = RateRule("notes", parse("5/minute"), ["POST"], "/notes")
limited = RateLimitMiddleware(cached, limiter, [five], storage_errors=OSError)

# One security policy for every response, and an id for every request.
policy = SecurityPolicy(content={**STRICT_CONTENT_POLICY, "img-src": "'self' https:"})
application = RequestIDMiddleware(SecurityHeadersMiddleware(limited, policy))

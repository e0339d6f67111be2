"""Why the cache answers the suite's 100 `check` questions as it does.

A check has no right answer; each is a choice, with the clause that leaves it open, or
that decides it. Written by hand: by the exact id, or by the beginning of several ids.
"""

WHY = {
    "304-etag-update-response-Content-Encoding": (
        "RFC 9111 3.2",
        "The field describes the stored bytes, which the 304 does not change.",
    ),
    "304-etag-update-response-Content-Range": (
        "RFC 9111 3.2",
        "Like Content-Encoding, it says which bytes are stored.",
    ),
    "304-etag-update-response-ETag": (
        "RFC 9111 4.3.4",
        (
            "A 304 with another strong validator must not update the stored response; the cache "
            "asks again without conditions, which the suite counts as a retry."
        ),
    ),
    "304-etag-update-response-": (
        "RFC 9111 3.2",
        "A 304's fields replace the stored ones, except those about the stored bytes.",
    ),
    "age-parse-": (
        "RFC 9111 5.1",
        "A value with parameters is not a non-negative integer, so it is ignored.",
    ),
    "ccreq-ma": ("RFC 9111 5.2.1.1", "An answer older than the client wants is not sent."),
    "ccreq-max-stale": ("RFC 9111 5.2.1.2", "The client accepts a stale answer."),
    "ccreq-min-fresh": ("RFC 9111 5.2.1.3", "An answer that expires too soon is not sent."),
    "ccreq-no-cache": ("RFC 9111 5.2.1.4", "The stored response is validated first."),
    "ccreq-no-store": (
        "RFC 9111 5.2.1.5",
        "no-store forbids storing this exchange, not using what is stored already.",
    ),
    "ccreq-oic": ("RFC 9111 5.2.1.7", "504 if nothing stored can be used."),
    "cdn-date-update-exceed": ("RFC 9110 6.6.1", "Date is the origin's."),
    "cdn-expires-update-exceed": ("RFC 9213 2.2", "Expires is for the caches after this one."),
    "cdn-max-age-case-insensitive": (
        "RFC 9651 3.1.2",
        "Keys have no capitals: the field is invalid and has no effect (RFC 9213 2.1).",
    ),
    "cdn-max-age-space-": ("RFC 9651 4.2.2", "Space around `=` makes the field invalid."),
    "cdn-remove-age-exceed": ("RFC 9111 5.1", "Age says how old a stored answer is."),
    "cdn-remove-header": ("RFC 9213 2.2", "The field is passed on; another cache may know it."),
    "conditional-etag-forward": (
        "RFC 9111 4.3.1",
        (
            "The cache removes a client's condition, to store and share the whole answer, and "
            "evaluates it on the answer. For what was uncacheable just before, it depends."
        ),
    ),
    "conditional-etag-forward-unquoted": (
        "RFC 9110 8.8.3",
        "Depends on the one before. The cache adds nothing to what a client sends.",
    ),
    "conditional-etag-quoted-respond-unquoted": (
        "RFC 9110 8.8.3",
        "An entity tag has quotes; without them it is a different one.",
    ),
    "conditional-etag-strong-generate-unquoted": (
        "RFC 9110 8.8.3",
        "The origin's tag goes back unchanged, or the origin would not recognize it.",
    ),
    "conditional-etag-strong-respond-obs-text": (
        "RFC 9110 8.8.3",
        "The suite's client and server encode the tag in different bytes, so they differ.",
    ),
    "conditional-etag-unquoted-respond-quoted": (
        "RFC 9110 8.8.3",
        "An entity tag has quotes; without them it is a different one.",
    ),
    "conditional-etag-unquoted-respond-unquoted": (
        "RFC 9110 8.8.3.2",
        "Not an entity tag, but exactly what the origin sent.",
    ),
    "conditional-etag-vary-headers-mismatch": (
        "RFC 9111 4.1",
        "The cache asks about the tags of other variants: one may suit this request too.",
    ),
    "conditional-etag-weak-respond-": (
        "RFC 9110 8.8.3.2",
        "Not a weak tag, but exactly what the origin sent.",
    ),
    "freshness-max-age-100a": ("RFC 9111 4.2.1", "Not a number: considered stale."),
    "freshness-max-age-a100": ("RFC 9111 4.2.1", "Not a number: considered stale."),
    "freshness-max-age-date": (
        "RFC 9111 4.2.1",
        "max-age counts from the age of the response, not from its Date alone.",
    ),
    "freshness-max-age-decimal-": ("RFC 9111 1.2.2", "Seconds are whole: considered stale."),
    "freshness-max-age-quoted": ("RFC 9111 5.2", "Recipients accept tokens and quoted strings."),
    "freshness-max-age-space-": (
        "RFC 9111 5.2",
        "There is no space around `=`: malformed, so considered stale.",
    ),
    "freshness-max-age-two-": (
        "RFC 9111 4.2.1",
        "If two differ, the first counts or the response is stale; here it is stale.",
    ),
    "freshness-none": (
        "RFC 9111 4.2.2",
        "Without Last-Modified a heuristic has no basis.",
    ),
    "head-200-freshness-update": ("RFC 9111 4.3.5", "A HEAD's 200 updates the stored GET."),
    "head-200-retain": (
        "RFC 9110 9.3.2",
        "The client gets the HEAD unchanged; the stored GET keeps its other fields.",
    ),
    "head-200-update": ("RFC 9111 4.3.5", "A HEAD's 200 updates the stored GET."),
    "head-410-update": (
        "RFC 9111 4.3.5",
        (
            "Only a 200 updates. The suite's next request is not answered from the store, so the "
            "question is not reached."
        ),
    ),
    "head-writethrough": ("RFC 9110 9.3.2", "The method is passed on."),
    "headers-omit-headers-listed-in-Cache-Control-no-cache": (
        "RFC 9111 5.2.2.4",
        "Listed fields need validation; the response is stored without them.",
    ),
    "heuristic-delta-": (
        "RFC 9111 4.2.2",
        "Fresh for a tenth of the time since Last-Modified, in whole seconds, a day at most.",
    ),
    "invalidate-": ("RFC 9111 4.4", "URIs of the same origin in both fields are invalidated."),
    "other-age-delay": (
        "RFC 9111 5.1",
        "The answer comes from the origin, not from the store, which Age would imply.",
    ),
    "other-date-update-expires-update": ("RFC 9111 5.3", "Expires is the origin's."),
    "other-fresh-content-disposition-attachment": (
        "RFC 9111 3",
        "Content-Disposition does not affect storing.",
    ),
    "other-heuristic-content-disposition-attachment": (
        "RFC 9111 3",
        "Content-Disposition does not affect storing.",
    ),
    "pragma-request-extension": ("RFC 9111 5.4", "Only no-cache was ever defined."),
    "pragma-request-no-cache": (
        "RFC 9111 5.4",
        "Pragma counts only without Cache-Control, which the suite's client always sends.",
    ),
    "pragma-response-": ("RFC 9111 5.4", "Never had a meaning in responses."),
    "stale-503": (
        "RFC 9111 4.2.4",
        "A 503 is an answer. Without stale-if-error nothing allows replacing it.",
    ),
    "stale-close": ("RFC 9111 4.2.4", "Disconnected, and nothing forbids it, for at most a day."),
    "stale-sie-": ("RFC 5861 4", "The response allows it."),
    "stale-warning-": ("RFC 9111 5.5", "Warning is obsolete."),
}

# The suite's optimal tests that do not pass, each for a reason.
NOT_PASSED = {
    "interim-102": "WSGI has no way to send a 102: `wsgi.early_hints` sends 103 only.",
    "conditional-lm-fresh-no-lm": (
        "Expects 304 although the stored response is younger than If-Modified-Since. Without "
        "Last-Modified the comparison is with Date (RFC 9111 4.3.2)."
    ),
    "partial-store-partial-reuse-partial-byterange": (
        "The origin announces 6 bytes (4-9 of 10) and sends 5. Asked for the last 5, it "
        "sent the last 5; the suite takes them for those from 4."
    ),
    "partial-store-partial-reuse-partial-absent": "The same response, requested differently.",
    "partial-store-partial-complete": (
        "Expects the cache to complete a range without a validator, so nothing shows that both "
        "parts belong to one representation (RFC 9111 3.4)."
    ),
}


def why(test: str) -> tuple[str, str]:
    """Give clause and reason of a check: the entry with the longest beginning that fits."""
    fitting = [beginning for beginning in WHY if test.startswith(beginning)]
    return WHY[max(fitting, key=len)]

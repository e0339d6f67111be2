"""X-ray: see a request travel through every layer of a WSGI chain."""

from middleware.spans import span as span
from middleware.xray.access import Access as Access
from middleware.xray.discovery import probed as probed
from middleware.xray.faults import Fault as Fault
from middleware.xray.lint import lint as lint
from middleware.xray.middleware import XRayMiddleware as XRayMiddleware
from middleware.xray.probe import Recorder as Recorder
from middleware.xray.record import Recording as Recording
from middleware.xray.record import record as record
from middleware.xray.shared import SharedTraces as SharedTraces
from middleware.xray.spans import outside as outside
from middleware.xray.text import ladder as ladder
from middleware.xray.trace import Trace as Trace
from middleware.xray.visit import Visit as Visit

"""A web worker as gunicorn's master makes it; what it does is in `gevent_worker.py`.

It loads that after the fork: the master serves nobody, and gevent and Werkzeug would take six
megabytes there. Besides, a reload brings those of the new code.
"""

from ngw2f.server.serving_worker import ServingWorker


class WebWorker(ServingWorker):
    """A worker that becomes a `ChatGeventWorker` in its own process."""

    def init_process(self) -> None:
        """Serve, until the worker ends."""
        from ngw2f.server.gevent_worker import ChatGeventWorker

        self.__class__ = ChatGeventWorker
        self.init_process()

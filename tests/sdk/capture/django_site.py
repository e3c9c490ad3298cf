"""A Django site that knows nothing of us: its settings, and its views below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.http import HttpRequest, JsonResponse, StreamingHttpResponse

SECRET_KEY = "x"
ROOT_URLCONF = "django_site"
ALLOWED_HOSTS = ["*"]
LOGGING_CONFIG = None
MIDDLEWARE: list[str] = []


def echo(request: HttpRequest) -> JsonResponse:
    from django.http import JsonResponse

    return JsonResponse({"got": request.body.decode()})


def events(request: HttpRequest) -> StreamingHttpResponse:
    from django.http import StreamingHttpResponse

    return StreamingHttpResponse(iter([b"data: 1\n\n", b"data: 2\n\n"]), content_type="text/event-stream")


def __getattr__(name: str) -> Any:
    # Not before it is asked for: Django reads the settings above first.
    if name == "urlpatterns":
        from django.urls import path

        return [path("echo", echo), path("events", events)]
    if name in {"wsgi", "asgi"}:
        from django.core.asgi import get_asgi_application
        from django.core.wsgi import get_wsgi_application

        return get_wsgi_application() if name == "wsgi" else get_asgi_application()
    raise AttributeError(name)

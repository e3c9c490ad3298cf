"""``request.user`` of Django, with sessions and a login on a database in memory, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import json
import sys
import types

import django
import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from opentelemetry.instrumentation.django import DjangoInstrumentor

import otel_audit
from sdk.identity.audited import audited, known, who
from tokens.issuing import RSA, pem, token

if not settings.configured:
    settings.configure(
        SECRET_KEY="not a secret",
        ROOT_URLCONF="django_shop_urls",
        ALLOWED_HOSTS=["*"],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shop?mode=memory&cache=shared"}
        },
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        USE_TZ=True,
    )
    django.setup()

from django.contrib import auth
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

LOG: list = []


def login(request):
    user = auth.authenticate(request, username=request.POST["name"], password="pw")
    auth.login(request, user)
    return HttpResponse("in")


def logout(request):
    auth.logout(request)
    return HttpResponse("out")


@login_required(login_url="/login")
def order(request):
    body = json.loads(request.body)
    LOG[0].chat(**{"user.id": body["user"]})
    return JsonResponse({"by": request.user.username})


async def order_async(request):
    user = await request.auser()
    LOG[0].chat()
    return JsonResponse({"by": user.username})


def public(request):
    LOG[0].client()
    return HttpResponse("all")


def whoami(request):
    return HttpResponse(str(request.user.is_authenticated))


def by_key(request):
    request.user = User.objects.get(username=request.headers["x-key"])
    LOG[0].chat()
    return HttpResponse("ok")


def fails(request):
    assert request.user.is_authenticated
    raise ValueError("no")


urls = types.ModuleType("django_shop_urls")
urls.urlpatterns = [
    path("login", login), path("logout", logout), path("orders", order), path("async", order_async),
    path("public", public), path("whoami", whoami), path("by-key", by_key), path("fails", fails),
]  # fmt: skip
sys.modules["django_shop_urls"] = urls


@pytest.fixture(scope="module")
def people():
    call_command("migrate", verbosity=0, run_syncdb=True)
    people = {
        name: User.objects.create_user(name, f"{name}@example.com", "pw", first_name="Jane", last_name="Doe")
        for name in ("clerk", "boss")
    }
    yield {name: str(person.pk) for name, person in people.items()}
    connection.close()


@pytest.fixture
def log(tmp_path, people):
    with audited(tmp_path) as log:
        instrumentor = DjangoInstrumentor()
        instrumentor.instrument(tracer_provider=log.provider)
        LOG[:] = [log]
        yield log
        instrumentor.uninstrument()


def logged_in(name):
    client = Client()
    assert client.post("/login", {"name": name}).content == b"in"
    return client


def test_a_logged_in_clerk_who_posts_that_they_are_the_ceo(log, people):
    answer = logged_in("clerk").post(
        "/orders", {"user": "ceo"}, "application/json", headers={"x-user": "ceo", "baggage": "user.id=ceo"}
    )
    assert answer.json() == {"by": "clerk"}
    entered, ordered, chat = log.records()
    for record in (entered, ordered, chat):
        assert known(record["user"]) == {
            "id": people["clerk"], "type": "user", "origin": "django", "assurance": "verified",
        }  # fmt: skip
        assert known(record["auth"]) == {"method": "session"}
    assert {"origin": "baggage:user.id", "id": "ceo"} in ordered["userClaims"]
    assert {"origin": "user.id", "id": "ceo"} in chat["userClaims"]


def test_nobody_is_logged_in(log):
    assert Client().get("/whoami").content == b"False"
    assert known(log.records()[0]["user"]) == {
        "type": "anonymous", "origin": "django", "assurance": "verified",
    }  # fmt: skip


def test_where_the_application_did_not_look_nobody_does(log):
    """``request.user`` would be a query that the application did not make."""
    client = logged_in("clerk")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get("/public")
    assert len(queries) == 0
    public = log.records()[1]
    assert known(public["user"]) == {"type": "unknown", "assurance": "none"}


def test_who_logs_out_is_who_it_was(log, people):
    client = logged_in("clerk")
    client.post("/logout")
    client.get("/whoami")
    assert [who(record) for record in log.records()] == [
        (people["clerk"], "verified"), (people["clerk"], "verified"), (None, "verified"),
    ]  # fmt: skip


def test_a_user_that_the_view_sets_itself(log, people):
    """As authentication classes of REST frameworks do."""
    Client().get("/by-key", headers={"x-key": "boss"})
    server, chat = log.records()
    assert who(server) == (people["boss"], "verified")
    assert who(chat) == (people["boss"], "verified")


def test_a_view_that_fails_has_a_user_too(log, people):
    client = logged_in("clerk")
    client.raise_request_exception = False
    assert client.get("/fails").status_code == 500
    assert who(log.records()[1]) == (people["clerk"], "verified")


def test_under_asgi(log, people):
    async def run():
        client = AsyncClient()
        await sync_to_async(client.force_login)(await User.objects.aget(username="clerk"))
        answers = await asyncio.gather(client.get("/async"), AsyncClient().get("/whoami"))
        return [answer.content for answer in answers]

    assert asyncio.run(run()) == [b'{"by": "clerk"}', b"False"]
    by_path: dict[str, tuple] = {}
    for record in log.records():
        by_path[record["requestPath"] or record["spanName"]] = who(record)
    assert by_path == {
        "/async": (people["clerk"], "verified"), "chat": (people["clerk"], "verified"), "/whoami": (None, "verified"),
    }  # fmt: skip


def test_fields_and_another_id(tmp_path, people):
    identity = {"fields": ["name", "email", "roles"], "user_attribute": "get_username"}
    with audited(tmp_path, identity=identity) as log:
        LOG[:] = [log]
        instrumentor = DjangoInstrumentor()
        instrumentor.instrument(tracer_provider=log.provider)
        logged_in("clerk")
        instrumentor.uninstrument()
        (record,) = log.records()
    assert known(record["user"]) == {
        "id": "clerk", "type": "user", "origin": "django", "assurance": "verified",
        "name": "Jane Doe", "email": "clerk@example.com",
    }  # fmt: skip


def test_a_token(tmp_path, people):
    file = tmp_path / "idp.pem"
    file.write_bytes(pem(RSA))
    jwt = {"pem": str(file), "audience": ["shop"], "cookie": "access"}
    with audited(tmp_path, identity={"jwt": jwt}) as log:
        LOG[:] = [log]
        instrumentor = DjangoInstrumentor()
        instrumentor.instrument(tracer_provider=log.provider)
        Client().get("/public", headers={"authorization": f"Bearer {token()}"})
        Client().get("/public", headers={"cookie": f"a=b; access={token(sub='u2')}"})
        instrumentor.uninstrument()
        records = log.records()
    assert [who(record) for record in records] == [("u1", "verified")] * 2 + [("u2", "verified")] * 2


def test_uninstalled_everything_is_as_before(tmp_path):
    before = auth.get_user, auth.aget_user
    with audited(tmp_path):
        assert auth.get_user is not before[0]
    assert (auth.get_user, auth.aget_user) == before


def test_set_user_in_a_view_comes_first(log, people):
    def view(request):
        otel_audit.set_user("operator")
        return HttpResponse(str(request.user.is_authenticated))

    urls.urlpatterns.append(path("operator", view))
    from django.urls import clear_url_caches

    clear_url_caches()
    logged_in("clerk").get("/operator")
    record = log.records()[1]
    assert who(record) == ("operator", "verified")
    assert record["userClaims"] == [{"origin": "django", "id": people["clerk"]}]

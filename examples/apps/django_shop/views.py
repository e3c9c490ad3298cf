"""Signing in, and something that only somebody who has may do."""

import json

from django.contrib.auth import authenticate, login
from django.http import HttpRequest, JsonResponse
from django.urls import path


def sign_in(request: HttpRequest) -> JsonResponse:
    given = json.loads(request.body)
    user = authenticate(request, username=given["name"], password=given["password"])
    if user is None:
        return JsonResponse({"signed_in": False}, status=403)
    login(request, user)
    return JsonResponse({"signed_in": True})


def refund(request: HttpRequest, number: int) -> JsonResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"refunded": False}, status=401)
    return JsonResponse({"refunded": number, "by": request.user.get_username()})


urlpatterns = [path("sign-in", sign_in), path("orders/<int:number>/refund", refund)]

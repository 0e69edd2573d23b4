"""The addresses of the pages. GraphiQL's is that of GraphQL: its view hands browsers over to `views.graphiql`."""

from __future__ import annotations

from django.urls import path

from backend.pages import views
from backend.pages.signing_in import SignIn, SignOut

urlpatterns = [
    path("", views.front, name="front"),
    path("notification-inbox.js", views.component, name="component"),
    path("sign-in/", SignIn.as_view(), name="sign-in"),
    path("sign-out/", SignOut.as_view(), name="sign-out"),
    path("demo-token", views.give_demo_token, name="demo-token"),
]

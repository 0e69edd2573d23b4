"""The addresses of the shop."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from backend.orders import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("login/", LoginView.as_view(template_name="login.html"), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("", views.orders, name="orders"),
    path("orders/<int:pk>/", views.order, name="order"),
    path("buy/", views.buy, name="buy"),
    path("inbox/", include("live_inbox.urls")),  # the inbox
]

"""The admin pages: a door. Whatever they change, they change through the services, so that open devices see it.

Django's own registry is `django.contrib.admin` with the app label `admin`; this app's label is `inbox_admin`. The
module `admin` here is the one that Django's autodiscovery imports: it puts the pages on the site.
"""

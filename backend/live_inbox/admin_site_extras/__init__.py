"""An app for projects whose admin is mostly that of the inbox: it changes the site's titles and the user admin.

List it last in INSTALLED_APPS, after the app that registers the user admin. `live_inbox` alone changes neither.
"""

"""The commands of `manage.py`: a door for people and scripts on the server. They translate, the services do."""
